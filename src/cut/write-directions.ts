/**
 * The directions of the stream in which kept heads write, the most important first. A head writes z·W_O. Over the
 * patching prompts, the most of (z − z̄)·W_O is written along the first right singular vectors of √C·W_O, C being the
 * second moments of z − z̄. Heads that share values need one map for all: theirs are the directions of their joint write,
 * [W_O¹ | W_O² | …], by the mean of their moments. For a head with values of its own that is the same.
 */
import type { ValueMoments } from "../discovery/value-moments.ts";
import { keepHeads } from "../transformer/keep-heads.ts";
import { inOut, linearShape } from "../transformer/linear.ts";
import type { Attention, Transformer } from "../transformer/transformer.ts";
import { type Matrix, rightSingularVectors, timesRoot } from "./singular-vectors.ts";

/** The directions in which a layer's kept heads write, the most important first. */
export interface LayerDirections {
  /** The kept heads: their indices in the original layer, ascending. */
  readonly heads: readonly number[];
  /** The width of the original's heads. */
  readonly headWidth: number;
  /** For each kept head its part of the directions, [headWidth, d]: a row for each direction. */
  readonly directions: readonly Float64Array[];
  /** For each kept head what its z writes in each direction, [headWidth, headWidth]: a column for each direction. */
  readonly maps: readonly Float64Array[];
  /** Whether the values of some head are the same for all prompts, so that W_O alone decided. */
  readonly constant: boolean;
}

/** This much of the mean of its diagonal is added to C's diagonal, so that no direction counts as never used. */
const ridge = 1e-9;

/** For each layer that keeps heads. @param model an original model. */
export async function writeDirections(
  model: Transformer,
  kept: ReadonlyMap<number, readonly number[]>,
  moments: ValueMoments,
): Promise<ReadonlyMap<number, LayerDirections>> {
  const found = new Map<number, LayerDirections>();
  for (const [layer, heads] of kept) {
    const { attention } = model.blocks[layer] ?? {};
    const own = moments.get(layer);
    if (attention === undefined || own === undefined) throw new RangeError(`no heads in layer ${layer}`);
    found.set(layer, await directionsOf(keepHeads(attention, heads), own));
  }
  return found;
}

async function directionsOf(
  attention: Attention,
  moments: readonly Float64Array[],
): Promise<LayerDirections> {
  const { heads, headWidth, group, keyValueHeads } = attention;
  const written = await writesOf(attention);
  const directions: Float64Array[] = [];
  const maps: Float64Array[] = [];
  let constant = false;
  for (const shared of keyValueHeads.keys()) {
    const readers = [...group.keys()].filter((at) => group[at] === shared);
    const matrix = sideBySide(readers.map((at) => found(written[at])));
    const second = meanOf(readers.map((at) => found(moments[at])));
    const trace = headWidth > 0 ? diagonalMean(second, headWidth) : 0;
    constant ||= trace === 0;
    const vectors = rightSingularVectors(
      trace === 0 ? matrix : timesRoot(withRidge(second, headWidth, ridge * trace), matrix),
    );
    const map = timesTransposed(matrix, vectors);
    for (const [place, at] of readers.entries()) {
      directions[at] = partOf(vectors, matrix, place, readers.length);
      maps[at] = map;
    }
  }
  return { heads, headWidth, directions, maps, constant };
}

/** For each head its rows of W_O, [headWidth, d], in float64. @param attention whose values are whole. */
export async function writesOf({ heads, headWidth, output }: Attention): Promise<readonly Matrix[]> {
  const [, columns] = linearShape(output);
  const all = await inOut(output).read();
  return heads.map((_, at) => {
    const from = at * headWidth * columns;
    return {
      rows: headWidth,
      columns,
      values: Float64Array.from(all.subarray(from, from + headWidth * columns)),
    };
  });
}

function sideBySide(matrices: readonly Matrix[]): Matrix {
  const [first] = matrices;
  if (first === undefined || matrices.length === 1) return found(first);
  const columns = matrices.length * first.columns;
  const values = new Float64Array(first.rows * columns);
  for (const [at, matrix] of matrices.entries())
    for (let row = 0; row < first.rows; row++)
      values.set(rowOf(matrix, row), row * columns + at * first.columns);
  return { rows: first.rows, columns, values };
}

/** One head's columns of the directions of all that share its values. */
function partOf(vectors: Float64Array, { rows, columns }: Matrix, place: number, of: number): Float64Array {
  const width = columns / of;
  const part = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const from = row * columns + place * width;
    part.set(vectors.subarray(from, from + width), row * width);
  }
  return part;
}

const rowOf = ({ columns, values }: Matrix, row: number): Float64Array =>
  values.subarray(row * columns, (row + 1) * columns);

/** matrix·vectorsᵀ, [rows, rows]. @param vectors of the matrix's shape. */
function timesTransposed(matrix: Matrix, vectors: Float64Array): Float64Array {
  const { rows } = matrix;
  const product = new Float64Array(rows * rows);
  for (let row = 0; row < rows; row++) {
    const own = rowOf(matrix, row);
    for (let column = 0; column < rows; column++) {
      const other = rowOf({ ...matrix, values: vectors }, column);
      let sum = 0;
      for (let at = 0; at < own.length; at++) sum += (own[at] as number) * (other[at] as number);
      product[row * rows + column] = sum;
    }
  }
  return product;
}

function meanOf(all: readonly Float64Array[]): Float64Array {
  return found(all[0]).map((_, at) => all.reduce((sum, each) => sum + (each[at] ?? 0), 0) / all.length);
}

function diagonalMean(square: Float64Array, n: number): number {
  return square.reduce((sum, value, at) => sum + (at % (n + 1) === 0 ? value : 0), 0) / n;
}

const withRidge = (square: Float64Array, n: number, added: number): Float64Array =>
  square.map((value, at) => (at % (n + 1) === 0 ? value + added : value));

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new RangeError("no such head");
  return value;
}
