/**
 * Fits the constants of a circuit that was shipped (Node): its means are computed anew from the task's prompts, one vector
 * before each remaining reader is trained on top of them, and the circuit is cut, verified and measured again.
 */
import { resolve } from "node:path";
import { checkFitNumbers, type FitNumbers } from "../../discovery/fitted/fit-options.ts";
import { meanReplacements, type Replacements } from "../../discovery/replacements.ts";
import { PithError } from "../../errors.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import type { Dtype, NarrowDtype } from "../../export/dtype.ts";
import { type CircuitFolder, readCircuitFolder } from "../../export/read-folder.ts";
import { circuitFolder } from "../../export/write-folder.ts";
import { claimOutputFolder } from "../../files/output-folder.ts";
import { packageVersion } from "../../files/package-files.ts";
import { workerRuntime } from "../../runtime/node-runtime.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { EncodedTask } from "../../tasks/encode-task.ts";
import { countKept } from "../../transformer/circuit.ts";
import { searchThreads } from "../choose-threads.ts";
import type { OnEvent } from "../events.ts";
import { makeCircuitFolder } from "../extract/make-circuit-folder.ts";
import { checkCircuitTask } from "../load-circuit.ts";
import type { Model } from "../load-model.ts";
import { encodePrompts, searchSets } from "../prompts.ts";
import type { Task } from "../read-task.ts";
import { requireSame } from "../same-weights.ts";
import { withEngine } from "../with-engine.ts";
import { fitTaskConstants } from "./fit-task.ts";

/** What constants are fitted with, and how the circuit is shipped. */
export interface TuneOptions extends Partial<FitNumbers> {
  /** The model that the circuit was cut from. */
  readonly original: Model;
  /** The task that it was cut for: the same prompts give the same means. */
  readonly task: Task;
  /**
   * The number format of the shipped weights.
   * @defaultValue "f32"
   */
  readonly dtype?: Dtype | undefined;
  /**
   * Further number formats in the same folder, beside float32.
   * @defaultValue [], none
   */
  readonly formats?: readonly NarrowDtype[] | undefined;
  /**
   * Whether a circuit's folder at `out` is replaced, and any loss of a narrower format is accepted.
   * @defaultValue false
   */
  readonly force?: boolean | undefined;
  /**
   * How many threads compute.
   * @defaultValue as many as the machine has cores
   */
  readonly threads?: number | undefined;
  /**
   * Aborting it ends the work; the returned promise rejects with the signal's reason. Left out, nothing ends the
   * work early.
   */
  readonly signal?: AbortSignal | undefined;
  /** Called with each event: steps, progress, notes. Left out, events are ignored. */
  readonly onEvent?: OnEvent | undefined;
}

/** A circuit whose constants were fitted. */
export interface TunedCircuit {
  /** The new folder, absolute. */
  readonly folder: string;
  /** The content of its circuit.json: `constants` holds the fit, and what the circuit costs under plain means. */
  readonly circuit: CircuitFile;
}

/**
 * Fits one vector before each remaining reader of a circuit, by the KL to the original on the patching and validation
 * prompts, of which a fifth is held back to say when the vectors are best. The circuit gets much closer to the original
 * at the same size. It is then a good model, and no evidence of a mechanism: the vectors may do what pruned components
 * did, and its KL under plain means stays what it was.
 * @param directory the circuit's folder. @param out the folder to make; with `force` it may be the same.
 * @example
 * ```ts
 * const { circuit } = await tuneCircuit("ioi-circuit", "ioi-fitted", { original: model, task });
 * console.log(circuit.metrics.kl.test, circuit.constants?.plain.kl.test);
 * ```
 * @throws PithError "circuit" for a folder that does not match its circuit.json, or one of zero ablation, of heads of a lower rank, or compiled;
 * "options" for another model, or a number out of its range; "task" for another task, or too few prompts; "output" for
 * the new folder; "runtime" where a gradient is no number; the signal's reason when it was aborted.
 */
export async function tuneCircuit(
  directory: string,
  out: string,
  options: TuneOptions,
): Promise<TunedCircuit> {
  const { original, task, steps, batch, rate, seed, signal, force = false } = options;
  const numbers = checkFitNumbers({
    ...(steps !== undefined && { steps }),
    ...(batch !== undefined && { batch }),
    ...(rate !== undefined && { rate }),
    ...(seed !== undefined && { seed }),
  });
  const folder = await readCircuitFolder(directory);
  checkTunable(folder);
  await requireSame(folder, original);
  checkCircuitTask(folder, task);
  const { circuit } = folder;
  const encoded = encodePrompts(task, original.tokenizer, original.transformer.contextLength, {
    means: circuit.replacement.means,
    bos: circuit.task.bos,
    chat: circuit.task.chat !== undefined,
    seed: circuit.task.seed,
  });
  const release = await claimOutputFolder(out, { force, ...circuitFolder });
  const runtime = workerRuntime({ threads: options.threads ?? searchThreads(original.transformer) });
  try {
    return await withEngine(runtime, signal, () =>
      tune({ circuit, encoded, runtime, out, numbers, options }),
    );
  } finally {
    await release();
  }
}

/** @throws PithError "circuit" for one whose constants are no means, whose heads are cut, or that is compiled. */
function checkTunable({ directory, circuit }: CircuitFolder): void {
  const refuse = (message: string, advice: string) =>
    new PithError("circuit", message, { place: { file: directory }, advice });
  if (circuit.replacement.ablation === "zero")
    throw refuse(
      "was cut with zero ablation, so it has no means that could be fitted",
      "Extract it with --ablation mean.",
    );
  if (circuit.headRank !== undefined)
    throw refuse(
      "has heads of a lower rank, and constants are fitted to whole heads",
      "Extract it without --head-rank.",
    );
  if (circuit.compiled !== undefined)
    throw refuse(
      "is compiled, so its constants are part of its tables",
      "Fit the circuit that it was compiled from, and compile that again.",
    );
}

interface Work {
  readonly circuit: CircuitFile;
  readonly encoded: EncodedTask;
  readonly runtime: Runtime;
  readonly out: string;
  readonly numbers: FitNumbers;
  readonly options: TuneOptions;
}

async function tune({ circuit, encoded, runtime, out, numbers, options }: Work): Promise<TunedCircuit> {
  const { original, dtype = "f32", formats = [], force = false, signal, onEvent } = options;
  const replacements = await meansOf(circuit, encoded, runtime, options);
  const { constants, record } = await fitTaskConstants({
    ...{ runtime, encoded, replacements, numbers, kind: "fitted", signal, onEvent },
    ...{ model: original.transformer, circuit: circuit.kept },
  });
  const { profile, kept } = circuit;
  const shipped = await makeCircuitFolder({
    ...{ runtime, model: original, encoded, out, profile, replacements, constants, signal, onEvent },
    ...{ circuit: kept, cut: undefined, settings: { operators: "portable", dtype, formats, force } },
    describe: (metrics) => ({ ...factsOf(circuit), pith: packageVersion(), metrics, constants: record }),
  });
  return { folder: resolve(out), circuit: shipped.circuit };
}

/** What stays true of a circuit when its constants change. */
function factsOf(circuit: CircuitFile) {
  const { dtype: _, formats: __, structure: ___, files: ____, checksum: _____, ...facts } = circuit;
  return facts;
}

function meansOf(
  { replacement, kept }: CircuitFile,
  encoded: EncodedTask,
  runtime: Runtime,
  { original, signal, onEvent }: TuneOptions,
): Promise<Replacements> {
  const { means, firstPosition = "same" } = replacement;
  onEvent?.({ kind: "step", step: "activations" });
  return meanReplacements(runtime, original.transformer, searchSets(encoded).patching, means, {
    ...{ firstPosition, neurons: countKept(kept).neuron > 0, signal },
  });
}
