/**
 * The examples of a report: it chooses prompts, and collects the answers of the circuit and of its original.
 * Logits are processed as they are computed and not kept, so that a set may have any size.
 */
import { PithError } from "../../errors.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import { type GiveLogits, isRight } from "../../measure/compare.ts";
import { logProbabilities } from "../../measure/distribution.ts";
import { type EncodedExample, encodeTask } from "../../tasks/encode-task.ts";
import { splitExamples } from "../../tasks/split.ts";
import type { Split, TaskExample } from "../../tasks/task-file.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { asAsked, templateFor } from "../prompts.ts";
import type { Task } from "../read-task.ts";

/** One token of a distribution. */
export interface TokenChance {
  /** The token's text, printable. */
  readonly text: string;
  /** Its probability, 0 to 1. */
  readonly probability: number;
}

/** The answer of a model at the first answer position. */
export interface ModelAnswer {
  /** The five most likely tokens, in descending order. */
  readonly likeliest: readonly TokenChance[];
  /** Whether it is right, by the task's own rule, over all answer positions. */
  readonly right: boolean;
  /** The id of the most likely token with which no accepted answer begins; undefined if there is none. */
  readonly rival: number | undefined;
}

/** Examples of one split that the circuit accepts, and facts about the others. */
export interface ChosenExamples {
  readonly split: Split;
  readonly examples: readonly EncodedExample[];
  /** The lengths of the other prompts in tokens, ascending; empty if all fit. */
  readonly otherLengths: readonly number[];
  /** All examples of the split, including those that don't fit. */
  readonly total: number;
}

const likeliestCount = 5;

/**
 * The examples for measuring: the test split, else validation, else any with answers. A file without splits is
 * all test, unless the circuit was cut with it: then it is split as it was then.
 * @throws PithError "task" if no example has an answer, or the tokenizer can't encode the task.
 */
export function chooseExamples(task: Task, tokenizer: Tokenizer, circuit: CircuitFile): ChosenExamples {
  const own = task.sha256 === circuit.task.sha256;
  const { labels } = circuit.task;
  // Labels of the extraction are used here too, unless others are given.
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

/** Prompts of any length: those that don't fit are sorted out later, not refused. */
function encodeAll(
  examples: readonly TaskExample[],
  fileName: string,
  tokenizer: Tokenizer,
  { task, model }: CircuitFile,
): readonly EncodedExample[] {
  const chat = templateFor(tokenizer, task.chat !== undefined);
  const asked = asAsked(examples, chat, task.chat?.system);
  return encodeTask({ patching: asked, validation: asked, test: [] }, tokenizer, {
    means: "pooled",
    bos: task.bos,
    chat,
    contextLength: model.context,
    fileName,
  }).validation;
}

/** A model's answer to each example, in their order. */
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

/** Indices of the largest entries, in descending order; of equal entries, the first one comes first. */
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
