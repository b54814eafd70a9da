/**
 * Constants of the residual stream: the replacements of pruned components, and all other terms that do not depend
 * on the prompt. Rows have width d; each belongs to one position, to some, or to all. They are stored and added in
 * float64, so that the order of adding does not matter, and rounded once for a graph.
 */
import type { HostTensor } from "../runtime/runtime.ts";
import { countRows, type PositionRows, rowAt } from "../transformer/position-rows.ts";

/** A constant of the residual stream, or of the neurons of a layer. */
export interface Constant {
  /** Which positions its rows stand for. */
  readonly rows: PositionRows;
  /** The width of the residual stream, or how many neurons there are. */
  readonly width: number;
  /** Row-major [rows, width]. */
  readonly values: Float64Array;
}

export function zeroConstant(rows: PositionRows, width: number): Constant {
  return { rows, width, values: new Float64Array(countRows(rows) * width) };
}

/** A vector [width] as a constant with the given rows. */
export function constantFromVector(vector: Float32Array | Float64Array, rows: PositionRows): Constant {
  const constant = zeroConstant(rows, vector.length);
  for (let row = 0; row < countRows(rows); row++) constant.values.set(vector, row * vector.length);
  return constant;
}

export function addConstants(...constants: readonly Constant[]): Constant {
  const [first, ...others] = constants;
  if (first === undefined) throw new RangeError("nothing to add");
  const values = first.values.slice();
  for (const other of others) {
    const isAlike =
      other.rows.kind === first.rows.kind &&
      other.width === first.width &&
      other.values.length === values.length;
    if (!isAlike) throw new RangeError("constants differ in shape");
    for (let index = 0; index < values.length; index++)
      values[index] = (values[index] ?? 0) + (other.values[index] ?? 0);
  }
  return { rows: first.rows, width: first.width, values };
}

/** The constant as it stands at a position, [width]. */
export function constantAt({ rows, width, values }: Constant, position: number): Float64Array {
  const from = rowAt(rows, position) * width;
  return values.subarray(from, from + width);
}

type FloatTensor = HostTensor & { readonly data: Float32Array<ArrayBuffer> };

/**
 * The constant as a graph's input, [1 or positions, width]: as it stands at all positions of a prompt, or at the last.
 * The last position of a prompt of one token is its first: where such prompts are, graphs must compute all positions.
 * @param length tokens of the prompts.
 */
export function constantTensor(constant: Constant, positions: "all" | "last", length: number): FloatTensor {
  const { rows, width, values } = constant;
  const count = countRows(rows);
  const whole = (all: Float64Array): FloatTensor => {
    const data = Float32Array.from(all);
    return { type: "float32", shape: [data.length / width, width], data };
  };
  if (positions === "last") return whole(values.subarray((count - 1) * width));
  if (rows.kind !== "apart") return whole(values);
  const data = new Float32Array(length * width);
  for (let position = 0; position < length; position++)
    data.set(constantAt(constant, position), position * width);
  return { type: "float32", shape: [length, width], data };
}
