/** Gives parts of a model that a test knows to exist. */
import type { AnyTransformer, Norm } from "../../src/transformer/transformer.ts";
import type { Weight } from "../../src/transformer/weight.ts";

/** The table of learned positions, for a model that has them. */
export function positionTable({ positions }: Pick<AnyTransformer, "positions">): Weight {
  if (positions.kind !== "learned") throw new TypeError("the model has no table of positions");
  return positions.table;
}

/** The two vectors of a LayerNorm. */
export function layerNormWeights(norm: Norm | undefined): { readonly scale: Weight; readonly shift: Weight } {
  if (norm?.kind !== "layer" || norm.shift === undefined)
    throw new TypeError("this is no LayerNorm with a shift");
  return { scale: norm.scale, shift: norm.shift };
}
