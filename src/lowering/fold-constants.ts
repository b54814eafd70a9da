/**
 * Combines all terms of the residual stream that do not depend on the prompt: b_O, b_2 and the replacements of
 * pruned components become one constant before the next component that reads the stream, and constants before the
 * first reader become part of the position table. So a model with k readers has at most k constants, and no graph
 * adds two of them one after the other. They are added in float64 and rounded once, only when they are read.
 *
 * Two of attention's biases are such constants too. b_K adds the same q·b_K to all scores of a query, which does
 * not change the softmax; so b_K is dropped, unless keys are rotated by their position or normalised, or scores
 * are capped. The weights of a query sum to 1, so b_V passes through attention unchanged: b_V·W_O is added to
 * b_O. Of the three, only b_Q must be kept (Namazifar et al. 2023, arXiv:2302.08626).
 *
 * The output of a part with a norm of its own (`postNorm`) is not a constant: biases before that norm stay there.
 */
import { inOut } from "../transformer/linear.ts";
import { countRows, type PositionRows, rowAt } from "../transformer/position-rows.ts";
import type {
  AnyTransformer,
  Attention,
  Block,
  Folded,
  FoldedTransformer,
  Linear,
  Mlp,
  Reader,
  Transformer,
} from "../transformer/transformer.ts";
import { valueWidthOf } from "../transformer/value-width.ts";
import type { Weight } from "../transformer/weight.ts";

/** A constant, or a part of one: [d] for all positions, [positions, d], or [2, d]. A weight is one. */
export interface Addend {
  readonly shape: readonly number[];
  /** Whether its two rows are the first position's and all others'. */
  readonly firstApart?: true;
  read(): Promise<Float32Array | Float64Array>;
}

/** Constants of a layer in addition to its remaining b_O and b_2. */
export interface LayerConstants {
  /** Added after attention; before its `postNorm`, if it has one and is still there. */
  readonly attention: readonly Addend[];
  /** Added after the MLP; before its `postNorm`, if it has one and is still there. */
  readonly mlp: readonly Addend[];
  /** Added to the stream after attention, behind every norm. */
  readonly afterAttention?: readonly Addend[];
  /** Added to the stream after the MLP, behind every norm. */
  readonly afterMlp?: readonly Addend[];
}

const nothing: LayerConstants = { attention: [], mlp: [] };

/**
 * @returns a model that computes the same without b_O and b_2; every constant is a part's `residualBias` or in
 * the position table. A constant [positions, d] needs a position table with as many rows; one that treats the first
 * position apart fits any table.
 */
export function foldConstants(
  model: Transformer,
  constantsOf: (layer: number) => LayerConstants = () => nothing,
): FoldedTransformer {
  let pending: readonly Addend[] = [];
  let positions = model.positions;
  let isFirstReader = true;
  let firstPosition: FoldedTransformer["firstPosition"];

  const sumOf: Sum = (name, addends) => {
    const sum = sumOfAddends(name, addends);
    if (rowsOfSum(name, addends).kind === "apart") firstPosition = "apart";
    return sum;
  };
  /** Takes the pending constants. @returns the weight that is added before the reader, if there is one. */
  const joined = (name: string): Weight | undefined => {
    const all = pending;
    pending = [];
    if (isFirstReader && positions.kind === "learned") {
      positions = { ...positions, table: sumOf(positions.table.name, [positions.table, ...all]) };
      isFirstReader = false;
      return undefined;
    }
    isFirstReader = false;
    return all.length === 0 ? undefined : sumOf(`${name}.residual_bias`, all);
  };
  const readBy = <R extends Reader>(reader: R, name: string): Folded<R> => {
    const residualBias = joined(name);
    return { ...reader, ...(residualBias && { residualBias }) };
  };

  const blocks = model.blocks.map((block, layer): Block<Folded<Attention>, Folded<Mlp>> => {
    const left = constantsOf(layer);
    const { attention, mlp } = block;
    const inside = attention?.postNorm !== undefined;
    const attentionHere =
      attention &&
      readBy(
        inside
          ? joinedInside(attention, left.attention, `blocks.${layer}.attention`, sumOf)
          : withoutConstants(attention),
        `blocks.${layer}.attention`,
      );
    const afterAttention = [
      ...(attention && !inside ? writtenAlways(attention) : []),
      ...(inside ? [] : left.attention),
      ...(left.afterAttention ?? []),
    ];
    const isParallel = block.arrangement === "parallel";
    if (!isParallel) pending = [...pending, ...afterAttention];
    const insideMlp = mlp?.postNorm !== undefined;
    const bare =
      mlp &&
      (insideMlp
        ? mlpJoinedInside(mlp, left.mlp, `blocks.${layer}.mlp`, sumOf)
        : { ...mlp, down: withoutBias(mlp.down) });
    // In a parallel block, the attention's constant is added before both.
    const mlpHere = bare && (isParallel && attention ? bare : readBy(bare, `blocks.${layer}.mlp`));
    const afterMlp = [...(insideMlp ? [] : [...biasOf(mlp?.down), ...left.mlp]), ...(left.afterMlp ?? [])];
    pending = [...pending, ...(isParallel ? afterAttention : []), ...afterMlp];
    return { ...block, attention: attentionHere, mlp: mlpHere };
  });
  const finalBias = joined("final");
  return {
    ...{ ...model, folded: true, positions, blocks },
    ...(finalBias && { finalBias }),
    ...(firstPosition && { firstPosition }),
  };
}

/** The model itself if it is folded, else the folded original. */
export function asFolded(model: AnyTransformer): FoldedTransformer {
  return model.folded ? model : foldConstants(model);
}

/** Attention without the biases that are constants, or that do not change the softmax. */
function withoutConstants(attention: Attention): Attention {
  const { key, value, output } = attention;
  return {
    ...attention,
    key: seesKeyBias(attention) ? key : withoutBias(key),
    value: withoutBias(value),
    output: withoutBias(output),
  };
}

const seesKeyBias = ({ rotary, keyNorm, scoreCap }: Attention): boolean =>
  rotary !== undefined || keyNorm !== undefined || scoreCap !== undefined;

/** Attention with the constants of removed heads added to its b_O, before its own norm. */
function joinedInside(
  attention: Attention,
  constants: readonly Addend[],
  name: string,
  sumOf: Sum,
): Attention {
  const { output } = attention;
  if (constants.length === 0) return attention;
  const bias = sumOf(`${name}.output.bias`, [...biasOf(output), ...constants]);
  return { ...attention, output: { ...output, bias } };
}

/** An MLP with the constants of removed neurons added to its b_2, before its own norm. */
function mlpJoinedInside(mlp: Mlp, constants: readonly Addend[], name: string, sumOf: Sum): Mlp {
  const { down } = mlp;
  if (constants.length === 0) return mlp;
  const bias = sumOf(`${name}.down.bias`, [...biasOf(down), ...constants]);
  return { ...mlp, down: { ...down, bias } };
}

/**
 * The part of attention's output that does not depend on the pattern: b_O, and b_V·W_O, with b_V of each query
 * head's own values.
 */
function writtenAlways(attention: Attention): readonly Addend[] {
  const { value, output, group } = attention;
  const { bias } = value;
  const across = valueWidthOf(attention);
  if (bias === undefined) return biasOf(output);
  const matrix = inOut(output);
  const [inner = 0, width = 0] = matrix.shape;
  const throughOutput: Addend = {
    shape: [width],
    async read() {
      const [values, weight] = [await bias.read(), await matrix.read()];
      const sum = new Float64Array(width);
      for (let row = 0; row < inner; row++) {
        const from = (group[Math.floor(row / across)] ?? 0) * across + (row % across);
        const scale = values[from] ?? 0;
        for (let column = 0; column < width; column++) {
          sum[column] = (sum[column] ?? 0) + scale * (weight[row * width + column] ?? 0);
        }
      }
      return sum;
    },
  };
  return [...biasOf(output), throughOutput];
}

const biasOf = (linear: Linear | undefined): readonly Weight[] =>
  linear?.bias === undefined ? [] : [linear.bias];

const withoutBias = ({ bias: _, ...linear }: Linear): Linear => linear;

type Sum = (name: string, addends: readonly Addend[]) => Weight;

/** The addends' sum; a row for several positions is added to the row of each. */
function sumOfAddends(name: string, addends: readonly Addend[]): Weight {
  const [first] = addends;
  if (first !== undefined && addends.length === 1 && "name" in first) return first as Weight;
  const width = first?.shape.at(-1) ?? 0;
  const rows = rowsOfSum(name, addends);
  const isTable = addends.some(({ shape }) => shape.length === 2);
  return {
    name,
    shape: isTable ? [countRows(rows), width] : [width],
    read: async () => Float32Array.from(await addUp(addends, rows, width)),
  };
}

/** Which positions the rows of the addends' sum stand for. @throws RangeError for constants that can't be one. */
export function rowsOfSum(name: string, addends: readonly Addend[]): PositionRows {
  const widths = new Set(addends.map(({ shape }) => shape.at(-1)));
  const all = addends.map(rowsOfAddend);
  const lengths = new Set(all.flatMap((rows) => (rows.kind === "each" ? rows.length : [])));
  const [length, other] = lengths;
  if (other !== undefined || widths.size > 1) {
    const shapes = addends.map(({ shape }) => `[${shape.join(", ")}]`);
    throw new RangeError(`${name}: constants of shapes ${shapes.join(", ")} can't be one`);
  }
  if (length !== undefined) return { kind: "each", length };
  return { kind: all.some(({ kind }) => kind === "apart") ? "apart" : "one" };
}

/** The sum of all addends, [rows, width], in float64. Each row gets the addend's row for its position. */
export async function addUp(
  addends: readonly Addend[],
  rows: PositionRows,
  width: number,
): Promise<Float64Array> {
  const count = countRows(rows);
  const sum = new Float64Array(count * width);
  for (const addend of addends) {
    const values = await addend.read();
    const own = rowsOfAddend(addend);
    for (let row = 0; row < count; row++) {
      // Of two rows the second stands for a position that is not the first, as row 1 of a table does.
      const from = rowAt(own, row) * width;
      for (let column = 0; column < width; column++) {
        const index = row * width + column;
        sum[index] = (sum[index] ?? 0) + (values[from + column] ?? 0);
      }
    }
  }
  return sum;
}

/** Which positions an addend's rows stand for. */
function rowsOfAddend({ shape, firstApart }: Addend): PositionRows {
  const [length = 0] = shape;
  if (shape.length < 2 || length === 1) return { kind: "one" };
  return firstApart ? { kind: "apart" } : { kind: "each", length };
}
