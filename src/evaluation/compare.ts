/** How a circuit does beside its original on a set of examples. */
import type { EncodedExample } from "../tasks/encode-task.ts";
import { klDivergence, mostLikely } from "./distribution.ts";

export interface SplitEvaluation {
  readonly examples: number;
  /** Share of examples whose most likely next token is the first token of an accepted answer. */
  readonly accuracy: number;
  readonly originalAccuracy?: number;
  /** KL(original ‖ circuit) at the answer position in nats, mean over the examples. */
  readonly kl?: number;
}

/** @param original logits by example, where the original is at hand. */
export function compareSplit(
  examples: readonly EncodedExample[],
  circuit: readonly Float32Array[],
  original: readonly Float32Array[] | undefined,
): SplitEvaluation {
  const rows = (logits: readonly Float32Array[], index: number): Float32Array => {
    const row = logits[index];
    if (row === undefined) throw new RangeError(`no logits for example ${index}`);
    return row;
  };
  const accuracyOf = (logits: readonly Float32Array[]) =>
    mean(examples.map((example, index) => Number(isRight(example, mostLikely(rows(logits, index))))));
  return {
    examples: examples.length,
    accuracy: accuracyOf(circuit),
    ...(original && {
      originalAccuracy: accuracyOf(original),
      kl: mean(examples.map((_, index) => klDivergence(rows(original, index), rows(circuit, index)))),
    }),
  };
}

/** Whether a token is the first of an accepted answer. */
export function isRight(example: EncodedExample, token: number): boolean {
  return example.answers.some(([first]) => first === token);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
