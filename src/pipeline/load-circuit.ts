/** A circuit's folder as a model that runs (Node). */

import { hashFile } from "../checkpoint/hash.ts";
import { PithError } from "../errors.ts";
import { answerLogits } from "../evaluation/answer-logits.ts";
import { evaluateSplit, type GiveLogits, type SplitEvaluation } from "../evaluation/compare.ts";
import { logProbabilities } from "../evaluation/distribution.ts";
import { type ShippedGraph, shippedLogits } from "../evaluation/shipped-logits.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import { type CircuitFolder, readCircuitFolder } from "../export/read-folder.ts";
import { workerRuntime } from "../runtime/node-runtime.ts";
import type { Runtime, Session } from "../runtime/runtime.ts";
import type { EncodedExample } from "../tasks/encode-task.ts";
import { encodeTask } from "../tasks/encode-task.ts";
import { splitExamples, type TaskSplits } from "../tasks/split.ts";
import type { TaskExample } from "../tasks/task-file.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { OnEvent } from "./events.ts";
import type { Model } from "./load-model.ts";
import type { Task } from "./read-task.ts";

export interface Prediction {
  readonly id: number;
  /** Printable text of the token. */
  readonly text: string;
  readonly probability: number;
  readonly logit: number;
}

export interface Evaluation {
  /** A split that has no examples with answers is undefined; a file without splits is all test. */
  readonly splits: Readonly<Record<"patching" | "validation" | "test", SplitEvaluation | undefined>>;
}

export interface EvaluateOptions {
  /** The original, for its accuracy and the KL to it. */
  readonly original?: Model | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: OnEvent | undefined;
}

export interface CircuitModel {
  readonly directory: string;
  readonly circuit: CircuitFile;
  readonly tokenizer: Tokenizer;
  /**
   * The most likely next tokens, likeliest first.
   * @throws PithError "task" for a prompt of a length that the circuit does not take.
   */
  predict(prompt: string, count?: number): Promise<readonly Prediction[]>;
  /** @throws PithError "task" for examples that the circuit does not take. */
  evaluate(task: Task, options?: EvaluateOptions): Promise<Evaluation>;
  close(): Promise<void>;
}

/** @throws PithError "circuit" for a folder that is not what it says. */
export async function loadCircuit(
  directory: string,
  options: { readonly threads?: number | undefined } = {},
): Promise<CircuitModel> {
  const folder = await readCircuitFolder(directory);
  const runtime = workerRuntime(options.threads === undefined ? {} : { threads: options.threads });
  const session = await runtime.loadFile(folder.modelPath).catch(async (error: unknown) => {
    await runtime.close();
    throw error;
  });
  const graph = shippedGraph(folder.circuit);
  const { circuit, tokenizer } = folder;

  return {
    directory,
    circuit,
    tokenizer,

    async predict(prompt, count = 5) {
      const ids = promptIds(folder, prompt);
      let predictions: readonly Prediction[] = [];
      await shippedLogits(runtime, session, graph, [ids], (_, logits) => {
        predictions = mostLikely(logits, tokenizer, count);
      });
      return predictions;
    },

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
  const divided = await divide(folder, task);
  for (const split of ["patching", "validation", "test"] as const) {
    const members = divided[split].filter((each) => each.answers.length > 0);
    if (members.length === 0) continue;
    const examples = encodeExamples(folder, members, task.path);
    const circuit: GiveLogits = (prompts, visit) =>
      shippedLogits(runtime, session, graph, prompts, visit, signal);
    const reference: GiveLogits | undefined =
      original &&
      ((prompts, visit) => answerLogits(runtime, original.transformer, prompts, visit, { signal }));
    splits[split] = await evaluateSplit(examples, circuit, reference);
  }
  if (Object.values(splits).every((split) => split === undefined)) {
    throw new PithError("task", "no example has an answer: nothing can be evaluated.", {
      place: { file: task.path },
    });
  }
  return { splits };
}

/**
 * The task's examples by split. The file that the circuit was cut with, if it leaves splitting to us, is split
 * as it was then: examples that chose the circuit must not count as test. Of another such file, all is test.
 */
async function divide({ circuit }: CircuitFolder, task: Task): Promise<TaskSplits> {
  const carriesSplits = task.examples.some(({ split }) => split !== undefined);
  if (carriesSplits || (await hashFile(task.path, { code: "task" })) === circuit.task.sha256) {
    return splitExamples(task.examples, { seed: circuit.options.seed, fileName: task.path });
  }
  return { patching: [], validation: [], test: task.examples };
}

/** Encodes as at extraction; each split is checked on its own, so the others' places are filled with it. */
function encodeExamples(
  folder: CircuitFolder,
  examples: readonly TaskExample[],
  fileName: string,
): readonly EncodedExample[] {
  const { profile, options, model } = folder.circuit;
  const { validation } = encodeTask(
    { patching: examples, validation: examples, test: [] },
    folder.tokenizer,
    {
      means: profile.kind === "aligned" ? "aligned" : "pooled",
      bos: options.bos,
      contextLength: model.context,
      fileName,
    },
  );
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

function checkOriginal({ circuit, directory }: CircuitFolder, original: Model): void {
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

function promptIds({ circuit, tokenizer }: CircuitFolder, prompt: string): readonly number[] {
  const start = circuit.options.bos && tokenizer.endOfTextId !== undefined ? [tokenizer.endOfTextId] : [];
  const ids = [...start, ...tokenizer.encode(prompt)];
  if (ids.length === 0) throw new PithError("task", "the prompt is empty.");
  if (circuit.profile.kind === "aligned" && ids.length !== circuit.profile.length) {
    const shown = ids.map((id) => tokenizer.tokenText(id)).join("|");
    throw new PithError(
      "task",
      `this circuit takes prompts of exactly ${circuit.profile.length} tokens, but this one has ${ids.length}: ${shown}.`,
      { advice: "Circuits with pooled means (--means pooled) take any length." },
    );
  }
  const { context } = circuit.model;
  if (ids.length > context) {
    throw new PithError("task", `the prompt has ${ids.length} tokens, but the context takes ${context}.`);
  }
  return ids;
}

function mostLikely(logits: Float32Array, tokenizer: Tokenizer, count: number): readonly Prediction[] {
  const probabilities = logProbabilities(logits).map(Math.exp);
  return Array.from(probabilities.keys())
    .sort((a, b) => (probabilities[b] ?? 0) - (probabilities[a] ?? 0))
    .slice(0, count)
    .map((id) => ({
      id,
      text: tokenizer.tokenText(id),
      probability: probabilities[id] ?? 0,
      logit: logits[id] ?? Number.NaN,
    }));
}

function shippedGraph({ profile, model, heads }: CircuitFile): ShippedGraph {
  const kept = model.heads.map((_, layer) => heads.filter(([at]) => at === layer).length);
  return {
    profile,
    cacheHeads: kept.filter((count) => count > 0),
    headWidth: model.width / Math.max(1, model.heads[0] ?? 1),
    vocabulary: model.vocabulary,
  };
}
