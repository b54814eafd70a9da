/** The constants of a folded model that join the residual stream, or what heads write, at every position. */
import type { FoldedTransformer } from "./transformer.ts";
import type { Weight } from "./weight.ts";

/** All of them, lowest first; the position table is none. */
export function joiningConstants({ blocks, finalBias }: FoldedTransformer): readonly Weight[] {
  const ofParts = blocks.flatMap(({ attention, mlp }) => [
    attention?.residualBias,
    // Behind a norm of its own this is no constant of the stream, and may hold what pruned heads left.
    attention?.output.bias,
    mlp?.residualBias,
  ]);
  return [...ofParts, finalBias].filter((weight) => weight !== undefined);
}
