/**
 * The examples of a report: which prompts a circuit is shown on, and what it and its original say to them.
 * Logits are looked at as they come and not kept, so that a set of any size goes through.
 */
import { PithError } from "../../errors.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import { type GiveLogits, isRight } from "../../measure/compare.ts";
import { logProbabilities } from "../../measure/distribution.ts";
import { type EncodedExample, encodeTask } from "../../tasks/encode-task.ts";
import { splitExamples } from "../../tasks/split.ts";
import type { Split, TaskExample } from "../../tasks/task-file.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { Task } from "../read-task.ts";

/** One token of a distribution. */
export interface TokenChance {
  /** The token's text, printable. */
  readonly text: string;
  /** Its probability, 0 to 1. */
  readonly probability: number;
}

/** What a model says at the first answer position. */
export interface ModelAnswer {
  /** The five likeliest tokens, likeliest first. */
  readonly likeliest: readonly TokenChance[];
  /** Whether it is right, by the task's own rule, over all answer positions. */
  readonly right: boolean;
  /** The id of the likeliest token that is no accepted answer's first; undefined where there is none. */
  readonly rival: number | undefined;
}

/** Examples of one split that the circuit takes, and those that it can't. */
export interface ChosenExamples {
  readonly split: Split;
  readonly examples: readonly EncodedExample[];
  /** Tokens of the prompts that don't fit, ascending; empty where all fit. */
  readonly otherLengths: readonly number[];
  /** Of the split, those that don't fit included. */
  readonly total: number;
}

const likeliestCount = 5;

/**
 * The examples that measure: the test split, else validation, else whatever has answers. A file that leaves
 * splitting to us is all test, unless the circuit was cut with it: then it is split as it was then.
 * @throws PithError "task" where nothing has an answer, or the tokenizer can't encode it.
 */
export function chooseExamples(task: Task, tokenizer: Tokenizer, circuit: CircuitFile): ChosenExamples {
  const own = task.sha256 === circuit.task.sha256;
  const { labels } = circuit.task;
  // Labels that were given for the extraction are the circuit's here too, unless there are others.
  const all =
    own && labels !== undefined && task.labels === undefined
      ? task.examples.map((example) => ({ ...example, labels }))
      : task.examples;
  const splits =
    own || all.some(({ split }) => split !== undefined)
      ? splitExamples(all, { seed: circuit.task.seed, fileName: task.path })
      : { patching: [], validation: [], test: all };
  for (const split of ["test", "validation", "patching"] as const) {
    const members = splits[split].filter(({ answers }) => answers.length > 0);
    if (members.length === 0) continue;
    const encoded = encodeAll(members, task.path, tokenizer, circuit);
    const { profile } = circuit;
    const fits = ({ forced }: EncodedExample) =>
      profile.kind === "decoder" || forced.length === profile.length;
    const others = encoded.filter((example) => !fits(example)).map(({ ids }) => ids.length);
    return {
      split,
      examples: encoded.filter(fits),
      otherLengths: [...new Set(others)].sort((a, b) => a - b),
      total: encoded.length,
    };
  }
  throw new PithError("task", "no example has an answer: nothing can be shown.", {
    place: { file: task.path },
  });
}

/** Of any length: what doesn't fit is told apart afterwards, not refused. */
function encodeAll(
  examples: readonly TaskExample[],
  fileName: string,
  tokenizer: Tokenizer,
  { task, model }: CircuitFile,
): readonly EncodedExample[] {
  return encodeTask({ patching: examples, validation: examples, test: [] }, tokenizer, {
    means: "pooled",
    bos: task.bos,
    contextLength: model.context,
    fileName,
  }).validation;
}

/** What a model answers to each example, in their order. */
export async function collectAnswers(
  examples: readonly EncodedExample[],
  give: GiveLogits,
  tokenizer: Tokenizer,
): Promise<readonly ModelAnswer[]> {
  const answers: ModelAnswer[] = [];
  await give(examples, (index, logits) => {
    const example = examples[index];
    if (example === undefined) throw new RangeError("logits without an example");
    const row = logits.subarray(0, logits.length / example.scored);
    const probabilities = logProbabilities(row);
    answers[index] = {
      likeliest: largest(row, likeliestCount).map((id) => ({
        text: tokenizer.tokenText(id),
        probability: Math.exp(probabilities[id] ?? Number.NEGATIVE_INFINITY),
      })),
      right: isRight(example, logits),
      rival: strongestRival(example, row),
    };
  });
  return answers;
}

/** Indices of the largest entries, largest first; the first of equal ones first. */
function largest(row: Float32Array, count: number): readonly number[] {
  const found: number[] = [];
  for (const [id, logit] of row.entries()) {
    const last = found[count - 1];
    if (last !== undefined && logit <= (row[last] ?? 0)) continue;
    const place = found.findIndex((other) => logit > (row[other] ?? 0));
    found.splice(place < 0 ? found.length : place, 0, id);
    if (found.length > count) found.pop();
  }
  return found;
}

function strongestRival({ answers, labels }: EncodedExample, row: Float32Array): number | undefined {
  const accepted = new Set(answers.map(([first]) => first));
  let best: number | undefined;
  for (const id of labels ?? row.keys()) {
    if (!accepted.has(id) && (best === undefined || (row[id] ?? 0) > (row[best] ?? 0))) best = id;
  }
  return best;
}
