/**
 * A model as it is asked in the aligned profile: for the logits after a prompt of one length. Whatever stands
 * for positions that nothing reads any more is cut off: above the last attention only the last position is
 * left, so the constants there are one row; and if no attention is left at all, the position table is one row.
 * A model that was cut to a length, as one read back from a circuit's folder, stays as it is.
 */
import { sliceRows } from "../transformer/slice.ts";
import type { Norm, Transformer } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
import { foldConstants } from "./fold-constants.ts";

/**
 * @param length tokens of every prompt.
 * @returns the model whose weights are exactly what `lowerAligned` ships: its position table has `length`
 * rows, or one (the last position's) if the model has no attention.
 * @throws RangeError when the model takes no prompts of that length.
 */
export function fitLength(model: Transformer, length: number): Transformer {
  if (!Number.isInteger(length) || length < 1 || length > model.contextLength) {
    throw new RangeError(`a model of ${model.contextLength} positions takes no prompts of ${length} tokens`);
  }
  const folded = foldConstants(model);
  const top = lastAttention(folded);
  const atLast = (norm: Norm): Norm => {
    const constant = norm.residualBias;
    if (constant === undefined || constant.shape.length === 1) return norm;
    return { ...norm, residualBias: lastOf(constant, length) };
  };
  return {
    ...folded,
    contextLength: length,
    positionEmbedding:
      top < 0 ? lastOf(folded.positionEmbedding, length) : sliceRows(folded.positionEmbedding, [[0, length]]),
    blocks: folded.blocks.map(({ attention, mlp }, layer) => ({
      attention,
      mlp: mlp && layer >= top ? { ...mlp, norm: atLast(mlp.norm) } : mlp,
    })),
    finalNorm: atLast(folded.finalNorm),
  };
}

/** The last position's row; a weight of one row was cut to it before. */
function lastOf(weight: Weight, length: number): Weight {
  return weight.shape[0] === 1 ? weight : sliceRows(weight, [[length - 1, length]]);
}

/** The highest layer with attention; −1 if there is none. */
export function lastAttention(model: Transformer): number {
  return model.blocks.findLastIndex((block) => block.attention !== undefined);
}
