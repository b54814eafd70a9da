/**
 * Compares a circuit with its original on a set of examples. A model is given as any function from prompts to
 * logits. Logits are held for a bounded number of examples at a time, however large the set.
 */
import type { EncodedExample } from "../tasks/encode-task.ts";
import type { ScoredPrompt, VisitLogits } from "./answer-logits.ts";
import { klDivergence, largestAmong, largestDifference, mostLikely } from "./distribution.ts";
import { yearMass } from "./year-mass.ts";

/** Calls `visit` with the logits at the answer positions of every prompt, [scored, vocabulary]. */
export type GiveLogits = (prompts: readonly ScoredPrompt[], visit: VisitLogits) => Promise<void>;

/** The measurements of a circuit on one set of examples, compared with its original if that is available. */
export interface SplitEvaluation {
  /** How many examples were evaluated. */
  readonly examples: number;
  /** The circuit's share of right answers, 0 to 1, by the task's own rule. */
  readonly accuracy: number;
  /** The original's share of right answers. */
  readonly originalAccuracy?: number;
  /** KL(original ‖ circuit) in nats, mean over an example's answer positions, and over the examples. */
  readonly kl?: number;
  /** Only for greater-than: probability of later minus earlier years, -1 to 1, mean over the examples. */
  readonly yearMass?: number;
  /** The original's value in the same way. */
  readonly originalYearMass?: number;
}

export interface EvaluateSplitOptions {
  /** The tokens of "00" … "99" where the examples ask for a later year: see {@link yearScale}. */
  readonly years?: readonly number[] | undefined;
  /** Called now and then with the number of examples that are evaluated. */
  readonly onProgress?: ((done: number) => void) | undefined;
  /**
   * How many answer positions' logits are kept at once.
   * @defaultValue 512
   */
  readonly rowsAtOnce?: number | undefined;
}

/** Number of answer positions whose logits are held at a time. */
export const defaultRowsPerPart = 512;

/** @param original if it is available. */
export async function evaluateSplit(
  examples: readonly EncodedExample[],
  circuit: GiveLogits,
  original?: GiveLogits,
  { years, onProgress, rowsAtOnce }: EvaluateSplitOptions = {},
): Promise<SplitEvaluation> {
  let right = 0;
  let originalRight = 0;
  let kl = 0;
  let done = 0;
  const mass = { circuit: 0, original: 0 };
  const massOf = (example: EncodedExample, logits: Float32Array) =>
    years === undefined ? 0 : yearMass(example, logits, years);
  for (const part of inParts(examples, rowsAtOnce)) {
    const own = await collect(part, circuit);
    const reference = original && (await collect(part, original));
    for (const [index, example] of part.entries()) {
      const logits = rowOf(own, index);
      right += Number(isRight(example, logits));
      mass.circuit += massOf(example, logits);
      if (reference === undefined) continue;
      const originalLogits = rowOf(reference, index);
      originalRight += Number(isRight(example, originalLogits));
      mass.original += massOf(example, originalLogits);
      kl += meanKl(example, originalLogits, logits);
    }
    done += part.length;
    onProgress?.(done);
  }
  const count = examples.length;
  return {
    examples: count,
    accuracy: right / count,
    ...(original && { originalAccuracy: originalRight / count, kl: kl / count }),
    ...(years && { yearMass: mass.circuit / count }),
    ...(years && original && { originalYearMass: mass.original / count }),
  };
}

/** The largest difference of any logit between two models on a set; NaN if any is. */
export async function largestLogitDifference(
  examples: readonly EncodedExample[],
  a: GiveLogits,
  b: GiveLogits,
  rowsAtOnce?: number,
): Promise<number> {
  let largest = 0;
  for (const part of inParts(examples, rowsAtOnce)) {
    const [left, right] = [await collect(part, a), await collect(part, b)];
    for (const index of part.keys()) {
      const difference = largestDifference(rowOf(left, index), rowOf(right, index));
      // NaN must not count as agreement.
      if (Number.isNaN(difference)) return difference;
      if (difference > largest) largest = difference;
    }
  }
  return largest;
}

/**
 * Whether a model answers right. With one answer token: the most likely next token, or with labels the most
 * likely label, is an accepted answer. With several tokens: at every answer position, the most likely token is
 * the answer's.
 * @param logits at the answer positions, [scored, vocabulary].
 */
export function isRight({ answers, labels, scored }: EncodedExample, logits: Float32Array): boolean {
  const best = answerRows(scored, logits).map((row) =>
    labels === undefined ? mostLikely(row) : largestAmong(labels, row),
  );
  return answers.some((answer) => best.every((token, at) => token === answer[at]));
}

function meanKl({ scored }: ScoredPrompt, original: Float32Array, circuit: Float32Array): number {
  const own = answerRows(scored, circuit);
  const kls = answerRows(scored, original).map((row, at) => klDivergence(row, own[at] ?? new Float32Array()));
  return kls.reduce((sum, kl) => sum + kl, 0) / scored;
}

/** [scored, vocabulary] as rows. */
function answerRows(scored: number, logits: Float32Array): readonly Float32Array[] {
  const vocabulary = logits.length / scored;
  return Array.from({ length: scored }, (_, at) => logits.subarray(at * vocabulary, (at + 1) * vocabulary));
}

function inParts(
  examples: readonly EncodedExample[],
  rowsPerPart: number = defaultRowsPerPart,
): readonly (readonly EncodedExample[])[] {
  const parts: EncodedExample[][] = [];
  let rows = rowsPerPart;
  for (const example of examples) {
    rows += example.scored;
    if (rows > rowsPerPart) {
      parts.push([]);
      rows = example.scored;
    }
    parts.at(-1)?.push(example);
  }
  return parts;
}

async function collect(
  examples: readonly EncodedExample[],
  give: GiveLogits,
): Promise<readonly Float32Array[]> {
  const rows: Float32Array[] = [];
  await give(examples, (index, logits) => {
    rows[index] = logits.slice();
  });
  return rows;
}

function rowOf(rows: readonly Float32Array[], index: number): Float32Array {
  const row = rows[index];
  if (row === undefined) throw new RangeError(`no logits for example ${index}`);
  return row;
}
