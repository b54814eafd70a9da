/** The constants of a folded model that join the residual stream, or what a part writes, at every position. */
import type { FoldedTransformer } from "./transformer.ts";
import type { Weight } from "./weight.ts";

/** Lists these constants, the lowest first. The position table is not one of them. */
export function joiningConstants({ blocks, finalBias }: FoldedTransformer): readonly Weight[] {
  const ofParts = blocks.flatMap(({ attention, mlp }) => [
    attention?.residualBias,
    // If a norm follows, this is not a constant of the stream; it may contain the replacements of pruned heads.
    attention?.output.bias,
    mlp?.residualBias,
    // The same: it may contain the replacements of pruned neurons.
    mlp?.down.bias,
  ]);
  return [...ofParts, finalBias].filter((weight) => weight !== undefined);
}
