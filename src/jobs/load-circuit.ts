/** Loads a circuit's folder as a model that runs (Node). */

import { PithError } from "../errors.ts";
import { askCircuit, checkWords, type Prediction, promptIds, shippedGraph } from "../export/ask-circuit.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import type { Dtype } from "../export/dtype.ts";
import { type CircuitFolder, readCircuitFolder } from "../export/read-folder.ts";
import { answerLogits } from "../measure/answer-logits.ts";
import { evaluateSplit, type GiveLogits, type SplitEvaluation } from "../measure/compare.ts";
import { compiledScores, ofAnswers, withPlaces } from "../measure/compiled-scores.ts";
import { type ShippedGraph, shippedLogits } from "../measure/shipped-logits.ts";
import { yearScale } from "../measure/year-mass.ts";
import { type RuntimeOptions, workerRuntime } from "../runtime/node-runtime.ts";
import type { Runtime, Session } from "../runtime/runtime.ts";
import type { EncodedExample } from "../tasks/encode-task.ts";
import { encodeTask } from "../tasks/encode-task.ts";
import { splitExamples, type TaskSplits } from "../tasks/split.ts";
import type { TaskExample } from "../tasks/task-file.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { shippedThreads } from "./choose-threads.ts";
import type { OnEvent } from "./events.ts";
import type { Model } from "./load-model.ts";
import { asAsked, templateFor } from "./prompts.ts";
import type { Task } from "./read-task.ts";

/** The results of a circuit on a task. */
export interface Evaluation {
  /**
   * The figures of each split. A split that has no examples with answers is undefined; a file without splits is all
   * test.
   */
  readonly splits: Readonly<Record<"patching" | "validation" | "test", SplitEvaluation | undefined>>;
}

/** How a circuit is evaluated. */
export interface EvaluateOptions {
  /**
   * The original model, for its accuracy and the KL divergence to it.
   * @defaultValue none: accuracy alone is measured
   */
  readonly original?: Model | undefined;
  /**
   * Aborting it ends the work; the returned promise rejects with the signal's reason. Left out, nothing ends the
   * work early.
   */
  readonly signal?: AbortSignal | undefined;
  /** Called with each event: steps, progress, decisions, notes. Left out, events are ignored. */
  readonly onEvent?: OnEvent | undefined;
}

/** A shipped circuit as a model that runs. Close it after use. */
export interface CircuitModel {
  /** The circuit's folder. */
  readonly directory: string;
  /** The content of circuit.json for the number format that was opened. */
  readonly circuit: CircuitFile;
  /** The content of circuit.json with all formats. */
  readonly record: CircuitFile;
  /** The tokenizer that is shipped with the circuit. */
  readonly tokenizer: Tokenizer;
  /**
   * The most likely next tokens, in descending order.
   * @param count how many; left out: 5.
   * @throws PithError "task" for a prompt of a length that the circuit does not accept.
   */
  predict(prompt: string, count?: number): Promise<readonly Prediction[]>;
  /**
   * Measures the circuit on a task's examples.
   * @throws PithError "task" for examples that the circuit does not accept.
   */
  evaluate(task: Task, options?: EvaluateOptions): Promise<Evaluation>;
  /** Ends the engine. No method can be called afterwards. */
  close(): Promise<void>;
}

/** How a circuit is opened. */
export interface LoadCircuitOptions extends RuntimeOptions {
  /**
   * The number format to open.
   * @defaultValue float32, or the only one
   */
  readonly dtype?: Dtype | undefined;
}

/**
 * Opens a folder that `extract` made. Its files are compared with the checksums in circuit.json.
 * @example
 * ```ts
 * const circuit = await loadCircuit("pith-out/nano-ioi");
 * const [first] = await circuit.predict("Then, Rose and Kevin went to the market. Rose gave a drink to");
 * console.log(first?.text, first?.probability);
 * await circuit.close();
 * ```
 * @throws PithError "circuit" for a folder that does not match its circuit.json, "options" for a format that it
 * does not have.
 */
export async function loadCircuit(
  directory: string,
  options: LoadCircuitOptions = {},
): Promise<CircuitModel> {
  const folder = await readCircuitFolder(directory, { dtype: options.dtype });
  const runtime = workerRuntime({ ...options, threads: options.threads ?? shippedThreads(folder.circuit) });
  const session = await runtime.loadFile(folder.modelPath).catch(async (error: unknown) => {
    await runtime.close();
    throw error;
  });
  const graph = shippedGraph(folder.circuit);
  const { circuit, record, tokenizer } = folder;

  return {
    directory,
    circuit,
    record,
    tokenizer,

    predict: async (prompt, count = 5) =>
      askCircuit(folder, runtime, session, promptIds(folder, prompt), count),

    evaluate: (task, evaluateOptions = {}) =>
      evaluate({ folder, runtime, session, graph }, task, evaluateOptions),
    close: () => runtime.close(),
  };
}

interface Loaded {
  readonly folder: CircuitFolder;
  readonly runtime: Runtime;
  readonly session: Session;
  readonly graph: ShippedGraph;
}

async function evaluate(
  { folder, runtime, session, graph }: Loaded,
  task: Task,
  { original, signal, onEvent }: EvaluateOptions,
): Promise<Evaluation> {
  onEvent?.({ kind: "step", step: "measure" });
  const splits: Record<"patching" | "validation" | "test", SplitEvaluation | undefined> = {
    patching: undefined,
    validation: undefined,
    test: undefined,
  };
  if (original !== undefined) checkOriginal(folder, original);
  const divided = divide(folder, task);
  const total = Object.values(divided)
    .flat()
    .filter(({ answers }) => answers.length > 0).length;
  let measured = 0;
  for (const split of ["patching", "validation", "test"] as const) {
    const members = divided[split].filter((each) => each.answers.length > 0);
    if (members.length === 0) continue;
    const examples = encodeExamples(folder, members, task.path);
    const before = measured;
    const onProgress = (done: number) => {
      measured = before + done;
      onEvent?.({ kind: "progress", step: "measure", done: measured, total });
    };
    const { compiled } = folder.circuit;
    const circuit: GiveLogits =
      compiled === undefined
        ? (prompts, visit) => shippedLogits(runtime, session, graph, prompts, visit, signal)
        : compiledScores(runtime, session, compiled, signal);
    const reference: GiveLogits | undefined =
      original &&
      ((prompts, visit) => answerLogits(runtime, original.transformer, prompts, visit, { signal }));
    if (compiled !== undefined) {
      for (const { ids, line } of examples) checkWords(folder, ids, { file: task.path, line });
      const answered = examples.map((example) => withPlaces(example, compiled.answers));
      const others = reference && ofAnswers(reference, compiled.answers);
      splits[split] = await evaluateSplit(answered, circuit, others, { onProgress });
      continue;
    }
    splits[split] = await evaluateSplit(examples, circuit, reference, {
      years: yearScale(examples, folder.tokenizer),
      onProgress,
    });
  }
  if (Object.values(splits).every((split) => split === undefined)) {
    throw new PithError("task", "no example has an answer: nothing can be evaluated.", {
      place: { file: task.path },
    });
  }
  return { splits };
}

/**
 * The task's examples by split. If the circuit was cut with this task file, and the file states no splits, it is
 * split as it was then, because examples that chose the circuit must not count as test. All examples of any other
 * such file are test.
 */
export function divide({ circuit }: CircuitFolder, task: Task): TaskSplits {
  const same = task.sha256 === circuit.task.sha256;
  const { labels } = circuit.task;
  // Labels of the extraction are used for the evaluation too, unless others are given.
  const examples =
    same && labels !== undefined && task.labels === undefined
      ? task.examples.map((example) => ({ ...example, labels }))
      : task.examples;
  if (same || examples.some(({ split }) => split !== undefined)) {
    return splitExamples(examples, { seed: circuit.task.seed, fileName: task.path });
  }
  return { patching: [], validation: [], test: examples };
}

/**
 * Encodes as at extraction. Each split is checked separately, so its examples are also put in the place of the
 * other splits.
 */
export function encodeExamples(
  folder: CircuitFolder,
  examples: readonly TaskExample[],
  fileName: string,
): readonly EncodedExample[] {
  const { profile, task, model } = folder.circuit;
  const chat = templateFor(folder.tokenizer, task.chat !== undefined);
  const asked = asAsked(examples, chat, task.chat?.system);
  const { validation } = encodeTask({ patching: asked, validation: asked, test: [] }, folder.tokenizer, {
    means: profile.kind === "aligned" ? "aligned" : "pooled",
    bos: task.bos,
    chat,
    contextLength: model.context,
    fileName,
  });
  const misfit = profile.kind === "aligned" && validation.find(({ ids }) => ids.length !== profile.length);
  if (!misfit) return validation;
  throw new PithError(
    "task",
    `the prompt has ${misfit.ids.length} tokens, but this circuit takes exactly ${profile.length}.`,
    {
      place: { file: fileName, line: misfit.line },
      advice: "Circuits with pooled means (--means pooled) take any length.",
    },
  );
}

/** @throws PithError "options" for a model of another shape, whose figures could not be compared. */
export function checkOriginal({ circuit, directory }: CircuitFolder, original: Model): void {
  const { width, vocabularySize, blocks } = original.transformer;
  if (
    width !== circuit.model.width ||
    vocabularySize !== circuit.model.vocabulary ||
    blocks.length !== circuit.model.layers
  ) {
    throw new PithError(
      "options",
      `${original.name} is not the model that this circuit was cut from (${circuit.model.name}).`,
      {
        place: { file: directory },
      },
    );
  }
}

/** @throws PithError "task" unless it is the circuit's own: other prompts would give other means. */
export function checkCircuitTask({ circuit, directory }: CircuitFolder, task: Task): void {
  if (task.sha256 === circuit.task.sha256) return;
  throw new PithError(
    "task",
    `is not the task that ${directory} was cut for ("${circuit.task.name}"), so the means that replace pruned components can't be computed again.`,
    { place: { file: task.path }, advice: "Give the task file of the extraction." },
  );
}
