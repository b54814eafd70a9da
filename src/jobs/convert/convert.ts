/** Converts a circuit's folder to another number format, into a folder of its own (Node). */

import { resolve } from "node:path";
import { PithError } from "../../errors.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import type { NarrowDtype } from "../../export/dtype.ts";
import { type CircuitFolder, readCircuitFolder } from "../../export/read-folder.ts";
import { circuitFolder, prepareConvertedFolder } from "../../export/write-folder.ts";
import { claimOutputFolder } from "../../files/output-folder.ts";
import type { CacheKind } from "../../lowering/cache-heads.ts";
import { answerLogits } from "../../measure/answer-logits.ts";
import type { GiveLogits } from "../../measure/compare.ts";
import { workerRuntime } from "../../runtime/node-runtime.ts";
import type { EncodedExample } from "../../tasks/encode-task.ts";
import { shippedThreads } from "../choose-threads.ts";
import type { OnEvent } from "../events.ts";
import { shipAs } from "../extract/export-dtype.ts";
import { measuredAs } from "../extract/measured-as.ts";
import { divide, encodeExamples } from "../load-circuit.ts";
import type { Model } from "../load-model.ts";
import { type GraphFile, openGraph } from "../read-graph.ts";
import type { Task } from "../read-task.ts";
import { requireSame } from "../same-weights.ts";
import { withEngine } from "../with-engine.ts";
import { convertCaches } from "./convert-caches.ts";

export interface ConvertOptions {
  readonly dtype: NarrowDtype;
  /** How many heads each cache of a circuit with pooled means has; left out: as many as before. */
  readonly caches?: CacheKind | undefined;
  /** The task that the circuit was cut for; the loss is measured on it. */
  readonly task: Task;
  /** The model that the circuit was cut from, for the KL to it. */
  readonly original?: Model | undefined;
  readonly threads?: number | undefined;
  /** Whether an existing circuit folder is replaced and any loss is accepted. */
  readonly force?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: OnEvent | undefined;
}

export interface Conversion {
  /** The new folder, absolute. */
  readonly folder: string;
  readonly circuit: CircuitFile;
}

/**
 * @param directory a float32 circuit's folder, which is not changed; @param out the folder to make.
 * @throws PithError "circuit" for a folder that is not a float32 circuit's, "options" for another task than its
 * own, "verification" for a loss above `dtypeBounds` without `force`, "output" for the new folder.
 */
export async function convertCircuit(
  directory: string,
  out: string,
  options: ConvertOptions,
): Promise<Conversion> {
  const { dtype, task, original, signal, onEvent, force = false } = options;
  const folder = await readCircuitFolder(directory);
  checkConvertible(folder, task);
  if (original !== undefined) await requireSame(folder, original);
  if (resolve(out) === resolve(directory)) {
    throw new PithError("output", "is the folder that is converted", {
      place: { file: out },
      advice: "Choose another for the result.",
    });
  }
  const release = await claimOutputFolder(out, { force, ...circuitFolder });
  const runtime = workerRuntime({ threads: options.threads ?? shippedThreads(folder.circuit) });
  const convert = async (file: GraphFile): Promise<Conversion> => {
    const reference: GiveLogits | undefined =
      original &&
      ((prompts, visit) => answerLogits(runtime, original.transformer, prompts, visit, { signal }));
    const source = await convertCaches(folder, file.graph, options.caches);
    const { graph, config } = source;
    const prepared = await prepareConvertedFolder(out, directory, graph, {
      ...{ force, signal, ...(config && { config }) },
    });
    try {
      const converted = await shipAs(
        {
          ...{ runtime, graph, prepared, dtype, force, signal, onEvent },
          ...measuredAs(source.circuit, examplesOf(folder, task), { runtime, reference, signal }),
        },
        source.circuit,
      );
      return { folder: resolve(out), circuit: await prepared.commit(converted) };
    } catch (error) {
      await prepared.discard();
      throw error;
    }
  };
  try {
    const file = await openGraph(folder.modelPath);
    try {
      return await withEngine(runtime, signal, () => convert(file));
    } finally {
      await file.close();
    }
  } finally {
    await release();
  }
}

/** @throws PithError "circuit" if it is not float32, "options" for another task than its own. */
export function checkConvertible({ directory, circuit }: CircuitFolder, task: Task): void {
  if (circuit.dtype !== undefined) {
    throw new PithError("circuit", `is in ${circuit.dtype.weights} already`, {
      place: { file: directory },
      advice: "Convert the float32 circuit that it was made of: what is rounded twice is worse.",
    });
  }
  if (task.sha256 !== circuit.task.sha256) {
    throw new PithError(
      "options",
      `${task.path} is not the task that this circuit was cut for (${circuit.task.name}), so what is lost could not be told.`,
      { place: { field: "--task" }, advice: "Give that task." },
    );
  }
}

/** The examples on which the circuit's own metrics were measured. */
export function examplesOf(
  folder: CircuitFolder,
  task: Task,
): Readonly<Partial<Record<"validation" | "test", readonly EncodedExample[]>>> {
  const divided = divide(folder, task);
  const encoded = (split: "validation" | "test") => {
    const members = divided[split].filter(({ answers }) => answers.length > 0);
    return members.length === 0 ? [] : encodeExamples(folder, members, task.path);
  };
  return { validation: encoded("validation"), test: encoded("test") };
}
