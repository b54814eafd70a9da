/**
 * How a circuit does beside its original on a set of examples. A model is here whatever gives logits for
 * prompts; logits are held for a bounded number of examples at a time, however large the set.
 */
import type { EncodedExample } from "../tasks/encode-task.ts";
import type { VisitLogits } from "./answer-logits.ts";
import { klDivergence, largestDifference, mostLikely } from "./distribution.ts";

/** Calls `visit` with the logits at the answer position of every prompt. */
export type GiveLogits = (prompts: readonly (readonly number[])[], visit: VisitLogits) => Promise<void>;

export interface SplitEvaluation {
  readonly examples: number;
  /** Share of examples whose most likely next token is the first token of an accepted answer. */
  readonly accuracy: number;
  readonly originalAccuracy?: number;
  /** KL(original ‖ circuit) at the answer position in nats, mean over the examples. */
  readonly kl?: number;
}

/** Examples whose logits are held at a time. */
const examplesPerPart = 512;

/** @param original where it is at hand. */
export async function evaluateSplit(
  examples: readonly EncodedExample[],
  circuit: GiveLogits,
  original?: GiveLogits,
): Promise<SplitEvaluation> {
  let right = 0;
  let originalRight = 0;
  let kl = 0;
  for (const part of inParts(examples)) {
    const own = await collect(part, circuit);
    const reference = original && (await collect(part, original));
    for (const [index, example] of part.entries()) {
      const logits = rowOf(own, index);
      right += Number(isRight(example, mostLikely(logits)));
      if (reference === undefined) continue;
      const originalLogits = rowOf(reference, index);
      originalRight += Number(isRight(example, mostLikely(originalLogits)));
      kl += klDivergence(originalLogits, logits);
    }
  }
  const count = examples.length;
  return {
    examples: count,
    accuracy: right / count,
    ...(original && { originalAccuracy: originalRight / count, kl: kl / count }),
  };
}

/** The largest difference of any logit between two models on a set; NaN if any is. */
export async function largestLogitDifference(
  examples: readonly EncodedExample[],
  a: GiveLogits,
  b: GiveLogits,
): Promise<number> {
  let largest = 0;
  for (const part of inParts(examples)) {
    const [left, right] = [await collect(part, a), await collect(part, b)];
    for (const index of part.keys()) {
      const difference = largestDifference(rowOf(left, index), rowOf(right, index));
      // NaN must not pass for agreement, wherever it is.
      if (Number.isNaN(difference)) return difference;
      if (difference > largest) largest = difference;
    }
  }
  return largest;
}

/** Whether a token is the first of an accepted answer. */
export function isRight(example: EncodedExample, token: number): boolean {
  return example.answers.some(([first]) => first === token);
}

function inParts(examples: readonly EncodedExample[]): readonly (readonly EncodedExample[])[] {
  const count = Math.ceil(examples.length / examplesPerPart);
  return Array.from({ length: count }, (_, part) =>
    examples.slice(part * examplesPerPart, (part + 1) * examplesPerPart),
  );
}

async function collect(
  examples: readonly EncodedExample[],
  give: GiveLogits,
): Promise<readonly Float32Array[]> {
  const rows: Float32Array[] = [];
  await give(
    examples.map(({ ids }) => ids),
    (index, logits) => {
      rows[index] = logits.slice();
    },
  );
  return rows;
}

function rowOf(rows: readonly Float32Array[], index: number): Float32Array {
  const row = rows[index];
  if (row === undefined) throw new RangeError(`no logits for example ${index}`);
  return row;
}
