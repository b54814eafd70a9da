/** Compiles an aligned circuit's folder for the words of a task, into a folder of its own (Node). */

import { join, resolve } from "node:path";
import type { ByteSource } from "../../checkpoint/byte-source.ts";
import { openFileSource } from "../../checkpoint/file-source.ts";
import { compileCircuit } from "../../cut/compile-circuit.ts";
import { PithError } from "../../errors.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import type { Dtype } from "../../export/dtype.ts";
import { folderLayout as names } from "../../export/folder-layout.ts";
import { nameWeights } from "../../export/name-weights.ts";
import { type CircuitFolder, readCircuitFolder } from "../../export/read-folder.ts";
import { readStandalone } from "../../export/read-standalone.ts";
import { shipCompiled } from "../../export/ship-compiled.ts";
import { circuitFolder, prepareConvertedFolder } from "../../export/write-folder.ts";
import { claimOutputFolder } from "../../files/output-folder.ts";
import { readJsonObject } from "../../files/read-input.ts";
import type { OperatorSet } from "../../lowering/operator-set.ts";
import { workerRuntime } from "../../runtime/node-runtime.ts";
import type { EncodedExample } from "../../tasks/encode-task.ts";
import { shippedThreads } from "../choose-threads.ts";
import type { OnEvent } from "../events.ts";
import { shipAs } from "../extract/export-dtype.ts";
import { measuredAs } from "../extract/measured-as.ts";
import { divide, encodeExamples } from "../load-circuit.ts";
import type { Model } from "../load-model.ts";
import type { Task } from "../read-task.ts";
import { requireSame } from "../same-weights.ts";
import { withEngine } from "../with-engine.ts";
import { wordsOf } from "./compile-words.ts";
import { measureCompiled, type Splits } from "./measure-compiled.ts";

export interface CompileOptions {
  /** The task whose prompts and answers the circuit will accept. */
  readonly task: Task;
  /** More prompts whose words the circuit will accept. */
  readonly vocabulary?: Task | undefined;
  /**
   * The model that the circuit was cut from; with it, the compiled circuit is also verified against the patched
   * model.
   */
  readonly original?: Model | undefined;
  /** Operators that the graph may use; left out: portable ones. */
  readonly target?: OperatorSet | undefined;
  /** Number format of the weights; left out: float32. The loss of a narrower one is measured over the answers. */
  readonly dtype?: Dtype | undefined;
  readonly threads?: number | undefined;
  readonly force?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: OnEvent | undefined;
}

export interface Compilation {
  /** The new folder, absolute. */
  readonly folder: string;
  readonly circuit: CircuitFile;
}

/**
 * @param directory a float32 circuit of the aligned profile, which is not changed; @param out the folder to make.
 * @throws PithError "circuit" for a folder that can't be compiled, "task" for prompts that it does not accept,
 * "verification" if the two differ by more than 1e-4 or a narrower format loses too much, "output" for the new
 * folder.
 */
export async function compileFolder(
  directory: string,
  out: string,
  options: CompileOptions,
): Promise<Compilation> {
  const { task, original, dtype = "f32", signal, onEvent, force = false } = options;
  const folder = await readCircuitFolder(directory);
  checkCompilable(folder);
  if (original !== undefined) await requireSame(folder, original);
  if (resolve(out) === resolve(directory)) {
    throw new PithError("output", "is the folder that is compiled", {
      place: { file: out },
      advice: "Choose another for the result.",
    });
  }
  const splits = encodeSplits(folder, task);
  const words = await wordsOf(folder, task, Object.values(splits).flat(), options.vocabulary);

  const release = await claimOutputFolder(out, { force, ...circuitFolder });
  const runtime = workerRuntime({ threads: options.threads ?? shippedThreads(folder.circuit) });
  const compile = async (source: ByteSource): Promise<Compilation> => {
    onEvent?.({ kind: "step", step: "export" });
    const config = await readJsonObject(join(directory, names.config), { code: "circuit" });
    const standalone = nameWeights(await readStandalone(source, config, folder.circuit));
    const model = await compileCircuit(runtime, standalone, words, { signal });
    const shipped = shipCompiled(model, options.target);
    const prepared = await prepareConvertedFolder(out, directory, shipped.graph, {
      ...{ force, signal, config: shipped.config },
    });
    const narrow = (circuit: CircuitFile, narrower: Exclude<Dtype, "f32">) => {
      const withAnswers = (members: readonly EncodedExample[]) =>
        members.filter(({ answers }) => answers.length > 0);
      const examples = { validation: withAnswers(splits.validation), test: withAnswers(splits.test) };
      return shipAs(
        {
          ...{ runtime, graph: shipped.graph, prepared, dtype: narrower, force, signal, onEvent },
          // The circuit was verified against the patched model above; its KL to the original is measured
          // elsewhere.
          ...measuredAs(circuit, examples, { runtime, reference: undefined, signal }),
        },
        circuit,
      );
    };
    try {
      const circuit = await measureCompiled({
        ...{ runtime, folder, task, splits, words, original, prepared, signal, onEvent },
        parameters: shipped.parameters,
      });
      const shippedCircuit = dtype === "f32" ? circuit : await narrow(circuit, dtype);
      return { folder: resolve(out), circuit: await prepared.commit(shippedCircuit) };
    } catch (error) {
      await prepared.discard();
      throw error;
    }
  };
  try {
    const source = await openFileSource(folder.weightsPath);
    try {
      return await withEngine(runtime, signal, () => compile(source));
    } finally {
      await source.close();
    }
  } finally {
    await release();
  }
}

function checkCompilable({ directory, circuit }: CircuitFolder): void {
  const fail = (message: string, advice: string): PithError =>
    new PithError("circuit", message, { place: { file: directory }, advice });
  if (circuit.profile.kind !== "aligned") {
    throw fail(
      "takes prompts of any length: only circuits of one prompt length can be compiled",
      "Extract it with --means aligned.",
    );
  }
  if (circuit.compiled !== undefined) {
    throw fail("is compiled already", "Compile the circuit that it was made of.");
  }
  if (circuit.dtype !== undefined) {
    throw fail(`is in ${circuit.dtype.weights}`, "Compile the float32 circuit that it was made of.");
  }
}

/** All of the task's prompts. Patching prompts need no answers. */
function encodeSplits(folder: CircuitFolder, task: Task): Splits {
  const divided = divide(folder, task);
  const encoded = (split: keyof Splits) =>
    divided[split].length === 0 ? [] : encodeExamples(folder, divided[split], task.path);
  const splits = { patching: encoded("patching"), validation: encoded("validation"), test: encoded("test") };
  if (
    Object.values(splits)
      .flat()
      .every(({ answers }) => answers.length === 0)
  ) {
    throw new PithError("task", "no example has an answer: there is nothing to be scored.", {
      place: { file: task.path },
    });
  }
  return splits;
}
