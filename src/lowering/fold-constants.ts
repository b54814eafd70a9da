/**
 * One form for everything that joins the residual stream whatever the prompt: b_O, b_2 and what pruned
 * components left behind become one constant before the next component that reads, and constants before the
 * first reader become part of the position table. A model with k readers so carries at most k of them, and no
 * graph adds two constants one after the other. Added in float64, rounded once, and only when they are read.
 *
 * Two of attention's biases are such constants in disguise. b_K adds q·b_K to all scores of a query alike, which
 * softmax does not see: it goes. The weights of a query sum to 1, so b_V leaves attention as it came in: b_V·W_O
 * joins b_O. Of the three, b_Q alone has to be added (Namazifar et al. 2023, arXiv:2302.08626).
 */
import type { Attention, Block, Linear, Mlp, Norm, Transformer } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";

/** A constant, or a part of one: [d] for all positions, or [positions, d]. A weight is one. */
export interface Addend {
  readonly shape: readonly number[];
  read(): Promise<Float32Array | Float64Array>;
}

/** What joins the stream in a layer beside b_O and b_2 of what is there. */
export interface LayerConstants {
  /** After attention. */
  readonly attention: readonly Addend[];
  /** After the MLP. */
  readonly mlp: readonly Addend[];
}

const nothing: LayerConstants = { attention: [], mlp: [] };

/**
 * @returns the same function without b_O and b_2, every constant a `Norm.residualBias` or in the position
 * table. A constant [positions, d] wants a position table of as many rows.
 */
export function foldConstants(
  model: Transformer,
  constantsOf: (layer: number) => LayerConstants = () => nothing,
): Transformer {
  let pending: Addend[] = [];
  let positionEmbedding = model.positionEmbedding;
  let isFirstReader = true;

  const readBy = (norm: Norm, reader: string): Norm => {
    const { residualBias, ...bare } = norm;
    const all = residualBias === undefined ? pending : [...pending, residualBias];
    pending = [];
    if (isFirstReader) {
      isFirstReader = false;
      positionEmbedding = sumOf(positionEmbedding.name, [positionEmbedding, ...all]);
      return bare;
    }
    return all.length === 0 ? bare : { ...bare, residualBias: sumOf(`${reader}.residual_bias`, all) };
  };

  const blocks = model.blocks.map((block, layer): Block => {
    const left = constantsOf(layer);
    const attention = block.attention && withNorm(block.attention, readBy, `blocks.${layer}.attention`);
    pending.push(...(block.attention ? writtenAlways(block.attention) : []), ...left.attention);
    const mlp = block.mlp && withNorm(block.mlp, readBy, `blocks.${layer}.mlp`);
    pending.push(...biasOf(block.mlp?.down), ...left.mlp);
    return {
      attention: attention && {
        ...attention,
        key: withoutBias(attention.key),
        value: withoutBias(attention.value),
        output: withoutBias(attention.output),
      },
      mlp: mlp && { ...mlp, down: withoutBias(mlp.down) },
    };
  });
  const finalNorm = readBy(model.finalNorm, "final");
  return { ...model, positionEmbedding, blocks, finalNorm };
}

function withNorm<Part extends Attention | Mlp>(
  part: Part,
  readBy: (norm: Norm, reader: string) => Norm,
  reader: string,
): Part {
  return { ...part, norm: readBy(part.norm, reader) };
}

/** What attention writes whatever it looks at: b_O and b_V·W_O. */
function writtenAlways({ value, output }: Attention): readonly Addend[] {
  const { bias } = value;
  if (bias === undefined) return biasOf(output);
  const [inner = 0, width = 0] = output.weight.shape;
  const throughOutput: Addend = {
    shape: [width],
    async read() {
      const [values, weight] = [await bias.read(), await output.weight.read()];
      const sum = new Float64Array(width);
      for (let row = 0; row < inner; row++) {
        const scale = values[row] ?? 0;
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

const withoutBias = ({ weight }: Linear): Linear => ({ weight });

/** The addends' sum; rows that stand for all positions stretch over those that stand for one each. */
function sumOf(name: string, addends: readonly Addend[]): Weight {
  const [first] = addends;
  if (first !== undefined && addends.length === 1 && "name" in first) return first as Weight;
  const width = first?.shape.at(-1) ?? 0;
  const heights = new Set(addends.map(rowsOf).filter((rows) => rows > 1));
  const [rows = 1, other] = heights;
  if (other !== undefined || addends.some(({ shape }) => shape.at(-1) !== width)) {
    const shapes = addends.map(({ shape }) => `[${shape.join(", ")}]`);
    throw new RangeError(`${name}: constants of shapes ${shapes.join(", ")} can't be one`);
  }
  const isTable = addends.some(({ shape }) => shape.length === 2);
  return {
    name,
    shape: isTable ? [rows, width] : [width],
    async read() {
      const sum = new Float64Array(rows * width);
      for (const addend of addends) {
        const values = await addend.read();
        for (let index = 0; index < sum.length; index++) {
          sum[index] = (sum[index] ?? 0) + (values[index % values.length] ?? 0);
        }
      }
      return Float32Array.from(sum);
    },
  };
}

const rowsOf = ({ shape }: Addend): number => (shape.length === 2 ? (shape[0] ?? 0) : 1);
