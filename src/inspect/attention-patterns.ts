/** The attention patterns of a circuit's kept heads on given prompts. */
import type { Runtime } from "../runtime/runtime.ts";
import type { FoldedTransformer } from "../transformer/transformer.ts";
import { observe } from "./observe.ts";

/** The attention pattern of one head on one prompt. */
export interface HeadPattern {
  /** The head's layer. */
  readonly layer: number;
  /** The head, as the original numbers it. */
  readonly head: number;
  /** [length × length], row-major: row q holds the attention of query q over keys 0 … q; each row sums to 1. */
  readonly weights: Float32Array;
}

/**
 * The softmax of the scores, after the mask (paper, appendix C, equation 5).
 * @param model a standalone model; @param prompts token ids.
 * @returns for each prompt its heads, by layer and head, both ascending.
 */
export async function attentionPatterns(
  runtime: Runtime,
  model: FoldedTransformer,
  prompts: readonly (readonly number[])[],
  signal?: AbortSignal,
): Promise<readonly (readonly HeadPattern[])[]> {
  const found: (readonly HeadPattern[])[] = prompts.map(() => []);
  await observe(
    runtime,
    model,
    prompts,
    ({ index, patterns }) => {
      found[index] = patterns;
    },
    { patterns: true, signal },
  );
  return found;
}
