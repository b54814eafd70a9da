/**
 * Cuts what kept heads write to a lower rank. Of (z − z̄)·W_O only what is written along r directions of the stream
 * stays, so W_O becomes W_O·V·Vᵀ with V [d, r]: values can be W_V·W_O·V, r wide, and the output Vᵀ. What z̄ wrote in
 * other directions is a constant beside b_O. Queries and keys stay as they are.
 */
import { type Constant, constantAt } from "../discovery/constant.ts";
import { keepHeads } from "../transformer/keep-heads.ts";
import { inOut, linearShape } from "../transformer/linear.ts";
import { countRows } from "../transformer/position-rows.ts";
import type { Attention, Linear, Transformer } from "../transformer/transformer.ts";
import { elementCount, type Weight } from "../transformer/weight.ts";
import { type LayerDirections, writesOf } from "./write-directions.ts";

/** A layer's directions, and how many of them stay. */
export interface LayerCut extends LayerDirections {
  /** Less than the width of a head. */
  readonly rank: number;
}

/** By layer. A layer that is not here stays whole. */
export type HeadCut = ReadonlyMap<number, LayerCut>;

/**
 * Attention whose values are as wide as the cut's rank.
 * @param attention with the cut's heads and no others.
 */
export function cutValues<A extends Attention>(attention: A, cut: LayerCut): A {
  const { group, keyValueHeads, headWidth, value, output } = attention;
  const { rank, maps, directions } = cut;
  // Of the readers of a key/value head, each has the same map.
  const mapOf = keyValueHeads.map((_, shared) => found(maps[group.indexOf(shared)]));
  const [inputs] = linearShape(value);
  const [, width] = linearShape(output);
  const narrowed = (weight: Weight, rows: readonly number[]): Weight =>
    computed(`${weight.name} (rank ${rank})`, [...rows, keyValueHeads.length * rank], async () =>
      throughMaps(await weight.read(), mapOf, headWidth, rank),
    );
  const rows = computed(`${output.weight.name} (rank ${rank})`, [group.length * rank, width], async () => {
    const all = new Float32Array(group.length * rank * width);
    for (const [at, own] of directions.entries()) all.set(own.subarray(0, rank * width), at * rank * width);
    return all;
  });
  return {
    ...attention,
    valueWidth: rank,
    value: {
      ...storedLike(value, narrowed(inOut(value), [inputs])),
      ...(value.bias && { bias: narrowed(value.bias, []) }),
    },
    output: { ...storedLike(output, rows), ...(output.bias && { bias: output.bias }) },
  };
}

function computed(
  name: string,
  shape: readonly number[],
  read: () => Promise<Float32Array<ArrayBuffer>>,
): Weight {
  return { name, shape, read };
}

/** A map whose matrix, given [in, out], is stored as another's is. */
function storedLike({ transposed }: Linear, weight: Weight): Linear {
  return transposed ? { transposed, weight: inOut({ weight, transposed }) } : { weight };
}

/** Rows of values of all heads, times each head's map to the first directions. */
function throughMaps(
  values: Float32Array,
  maps: readonly Float64Array[],
  headWidth: number,
  rank: number,
): Float32Array<ArrayBuffer> {
  const count = values.length / headWidth;
  const result = new Float32Array(count * rank);
  const sums = new Float64Array(rank);
  for (let at = 0; at < count; at++) {
    const map = found(maps[at % maps.length]);
    sums.fill(0);
    for (let inner = 0; inner < headWidth; inner++) {
      const scale = values[at * headWidth + inner] as number;
      const from = inner * headWidth;
      for (let direction = 0; direction < rank; direction++)
        sums[direction] = (sums[direction] as number) + scale * (map[from + direction] as number);
    }
    result.set(sums, at * rank);
  }
  return result;
}

/** What is left of a head's rows of W_O: map·directions, [headWidth, d]. @param at the head's place among the kept. */
function cutWrite(cut: LayerCut, at: number): Float64Array {
  const { rank, headWidth } = cut;
  const [map, directions] = [found(cut.maps[at]), found(cut.directions[at])];
  const width = directions.length / headWidth;
  const left = new Float64Array(headWidth * width);
  for (let row = 0; row < headWidth; row++) {
    const target = left.subarray(row * width, (row + 1) * width);
    for (let direction = 0; direction < rank; direction++) {
      const scale = map[row * headWidth + direction] as number;
      const from = direction * width;
      for (let column = 0; column < width; column++)
        target[column] = (target[column] as number) + scale * (directions[from + column] as number);
    }
  }
  return left;
}

/**
 * What the means of the cut heads wrote in the directions that are gone, the sum over the heads: z̄·(W_O − what is left of
 * it).
 * @param attention the original's. @param values z̄ of all its heads.
 */
export async function writtenByMeans(
  attention: Attention,
  cut: LayerCut,
  values: Constant,
): Promise<Constant> {
  const { headWidth } = cut;
  const whole = await writesOf(keepHeads(attention, cut.heads));
  const width = found(whole[0]).columns;
  const count = countRows(values.rows);
  const sum = new Float64Array(count * width);
  for (const [at, head] of cut.heads.entries()) {
    const left = cutWrite(cut, at);
    const gone = found(whole[at]).values.map((value, index) => value - (left[index] as number));
    for (let row = 0; row < count; row++) {
      const z = constantAt(values, row).subarray(head * headWidth, (head + 1) * headWidth);
      const target = sum.subarray(row * width, (row + 1) * width);
      for (let inner = 0; inner < headWidth; inner++)
        for (let column = 0; column < width; column++)
          target[column] =
            (target[column] as number) + (z[inner] as number) * (gone[inner * width + column] as number);
    }
  }
  return { rows: values.rows, width, values: sum };
}

/** The original with W_O of the cut heads as the cut leaves it, in its whole width. */
export function withCutWrites(model: Transformer, cut: HeadCut): Transformer {
  const blocks = model.blocks.map((block, layer) => {
    const own = cut.get(layer);
    const { attention } = block;
    if (own === undefined || attention === undefined) return block;
    const { output } = attention;
    const matrix = inOut(output);
    const weight = computed(`${output.weight.name} (rank ${own.rank})`, matrix.shape, async () => {
      const all = await matrix.read();
      const size = elementCount(matrix.shape) / attention.heads.length;
      for (const [at, head] of own.heads.entries()) all.set(cutWrite(own, at), head * size);
      return all;
    });
    return {
      ...block,
      attention: {
        ...attention,
        output: { ...storedLike(output, weight), ...(output.bias && { bias: output.bias }) },
      },
    };
  });
  return { ...model, blocks };
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new RangeError("no such head");
  return value;
}
