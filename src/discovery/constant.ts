/**
 * Constants of the residual stream: the replacements of pruned components, and all other terms that do not depend
 * on the prompt. Rows have width d; there is one for all positions, or one for each. They are stored and added in
 * float64, so that the order of adding does not matter, and rounded once for a graph.
 */
import type { HostTensor } from "../runtime/runtime.ts";

/** A constant of the residual stream: one row for all positions, or one for each. */
export interface Constant {
  /** How many rows there are: 1, or the prompts' length. */
  readonly rows: number;
  /** The width of the residual stream. */
  readonly width: number;
  /** Row-major [rows, width]. */
  readonly values: Float64Array;
}

export function zeroConstant(rows: number, width: number): Constant {
  return { rows, width, values: new Float64Array(rows * width) };
}

/** A vector [width] as a constant with the given number of rows. */
export function constantFromVector(vector: Float32Array, rows: number): Constant {
  const values = new Float64Array(rows * vector.length);
  for (let row = 0; row < rows; row++) values.set(vector, row * vector.length);
  return { rows, width: vector.length, values };
}

export function addConstants(...constants: readonly Constant[]): Constant {
  const [first, ...others] = constants;
  if (first === undefined) throw new RangeError("nothing to add");
  const values = first.values.slice();
  for (const other of others) {
    if (other.rows !== first.rows || other.width !== first.width)
      throw new RangeError("constants differ in shape");
    for (let index = 0; index < values.length; index++)
      values[index] = (values[index] ?? 0) + (other.values[index] ?? 0);
  }
  return { rows: first.rows, width: first.width, values };
}

type FloatTensor = HostTensor & { readonly data: Float32Array<ArrayBuffer> };

/** The constant as a graph's input: every row, or only the last position's. */
export function constantTensor(constant: Constant, positions: "all" | "last"): FloatTensor {
  const { rows, width, values } = constant;
  const from = positions === "last" ? (rows - 1) * width : 0;
  const data = Float32Array.from(values.subarray(from));
  return { type: "float32", shape: [data.length / width, width], data };
}
