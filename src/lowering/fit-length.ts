/**
 * Fits a model to the aligned profile, which gives the logits after a prompt of one length. Constants of
 * positions that nothing reads any more are cut off: above the last attention, only the last position remains, so
 * constants there become one row; without any attention, the position table becomes one row. A model that was
 * already cut to a length, such as one read from a circuit's folder, does not change.
 */
import { joiningConstants } from "../transformer/joining-constants.ts";
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
  const rows = model.firstPosition === "apart" ? Math.min(length, 2) : length;
  const atLast = (constant: Weight): Weight =>
    constant.shape.length === 1 ? constant : lastOf(constant, rows);
  // Prompts of one token have no other position than the first.
  const below = model.firstPosition === "apart" && rows === 1 ? atLast : (constant: Weight) => constant;
  const fitted: FoldedTransformer = {
    ...model,
    contextLength: length,
    positions: fitPositions(model.positions, top < 0, length),
    blocks: model.blocks.map(({ attention, mlp, ...block }, layer) => ({
      ...block,
      attention: attention && changeBias(changeConstant(attention, below), layer === top ? atLast : below),
      // Beside attention, the MLP of a parallel block has no constant of its own.
      mlp:
        mlp &&
        changeDownBias(changeConstant(mlp, layer >= top ? atLast : below), layer >= top ? atLast : below),
    })),
    ...(model.finalBias && { finalBias: atLast(model.finalBias) }),
  };
  const isApart = model.firstPosition === "apart" && joiningConstants(fitted).some(isTwoRows);
  return { ...fitted, firstPosition: isApart ? "apart" : undefined };
}

const isTwoRows = ({ shape }: Weight): boolean => shape.length > 1 && shape[0] !== 1;

function changeConstant<R extends Folded<Mlp> | Folded<Attention>>(part: R, change: ChangeConstant): R {
  return part.residualBias === undefined ? part : { ...part, residualBias: change(part.residualBias) };
}

/** What joins the heads' write before a norm behind it. */
function changeBias<A extends Attention>(attention: A, change: ChangeConstant): A {
  const { output } = attention;
  return output.bias === undefined
    ? attention
    : { ...attention, output: { ...output, bias: change(output.bias) } };
}

/** The same for what joins an MLP's write. */
function changeDownBias<M extends Mlp>(mlp: M, change: ChangeConstant): M {
  const { down } = mlp;
  return down.bias === undefined ? mlp : { ...mlp, down: { ...down, bias: change(down.bias) } };
}

type ChangeConstant = (constant: Weight) => Weight;

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

/** The last position's row; a weight of one row was already cut to it. */
function lastOf(weight: Weight, length: number): Weight {
  return weight.shape[0] === 1 ? weight : sliceRows(weight, [[length - 1, length]]);
}

/** The highest layer with attention; −1 if there is none. */
export function lastAttention(model: AnyTransformer): number {
  return model.blocks.findLastIndex((block) => block.attention !== undefined);
}
