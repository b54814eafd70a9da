/**
 * Fits a model to the aligned profile, which gives the logits after a prompt of one length. Constants of
 * positions that nothing reads any more are cut off: above the last attention, only the last position remains, so
 * constants there become one row; without any attention, the position table becomes one row. A model that was
 * already cut to a length, such as one read from a circuit's folder, does not change.
 */
import { sliceRows } from "../transformer/slice.ts";
import type {
  AnyTransformer,
  Attention,
  Folded,
  FoldedTransformer,
  Mlp,
  Positions,
} from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";

/**
 * @param length tokens of every prompt.
 * @returns the model with exactly the weights that `lowerAligned` ships: its position table has `length` rows, or
 * one (the last position's) if the model has no attention.
 * @throws RangeError when the model accepts no prompts of that length.
 */
export function fitLength(model: FoldedTransformer, length: number): FoldedTransformer {
  if (!Number.isInteger(length) || length < 1 || length > model.contextLength) {
    throw new RangeError(`a model of ${model.contextLength} positions takes no prompts of ${length} tokens`);
  }
  const top = lastAttention(model);
  const atLast = (constant: Weight | undefined): Weight | undefined =>
    constant === undefined || constant.shape.length === 1 ? constant : lastOf(constant, length);
  const atLastRow = <R extends Folded<Mlp>>(part: R): R => {
    const residualBias = atLast(part.residualBias);
    return residualBias === undefined ? part : { ...part, residualBias };
  };
  return {
    ...model,
    contextLength: length,
    positions: fitPositions(model.positions, top < 0, length),
    blocks: model.blocks.map((block, layer) => ({
      ...block,
      attention: block.attention && layer === top ? withLastBias(block.attention, atLast) : block.attention,
      // Beside attention, the MLP of a parallel block has no constant of its own.
      mlp: block.mlp && layer >= top ? atLastRow(block.mlp) : block.mlp,
    })),
    ...(model.finalBias && { finalBias: atLast(model.finalBias) }),
  };
}

function fitPositions(positions: Positions, onlyLast: boolean, length: number): Positions {
  switch (positions.kind) {
    case "none":
      return positions;
    case "learned": {
      const { table } = positions;
      return { ...positions, table: onlyLast ? lastOf(table, length) : sliceRows(table, [[0, length]]) };
    }
  }
}

/** A constant that is added to the topmost heads' output before a norm is needed at the last position only. */
function withLastBias<A extends Attention>(
  attention: A,
  atLast: (constant: Weight | undefined) => Weight | undefined,
): A {
  const bias = atLast(attention.output.bias);
  return bias === undefined ? attention : { ...attention, output: { ...attention.output, bias } };
}

/** The last position's row; a weight of one row was already cut to it. */
function lastOf(weight: Weight, length: number): Weight {
  return weight.shape[0] === 1 ? weight : sliceRows(weight, [[length - 1, length]]);
}

/** The highest layer with attention; −1 if there is none. */
export function lastAttention(model: AnyTransformer): number {
  return model.blocks.findLastIndex((block) => block.attention !== undefined);
}
