/**
 * Weights whose elements a GGUF file stores in another order, or with 1 added. They are changed back to the original
 * checkpoint's when they are read.
 */
import { elementCount } from "../../transformer/weight.ts";
import type { CheckpointWeight } from "../shards.ts";

/** The same weight with the name that it has in the original checkpoint. */
export function renamed(weight: CheckpointWeight, name: string): CheckpointWeight {
  return { ...weight, name };
}

/**
 * Rows in another order; of a bias, elements.
 * @param order for each row of the result, the row of the file.
 */
export function inRowOrder(weight: CheckpointWeight, order: Int32Array): CheckpointWeight {
  const width = elementCount(weight.shape.slice(1));
  const pick = (values: Float32Array, first: number, rows: Int32Array) => {
    const picked = new Float32Array(rows.length * width);
    for (const [row, from] of rows.entries())
      picked.set(values.subarray((from - first) * width, (from - first + 1) * width), row * width);
    return picked;
  };
  const { readRows } = weight;
  return {
    ...madeFrom(weight, weight.shape, (values) => pick(values, 0, order)),
    ...(readRows !== undefined && {
      // Reads all rows from the first to the last that is needed; these are mostly the rows of one head.
      readRows: async (start: number, end: number) => {
        const rows = order.subarray(start, end);
        const first = rows.reduce((least, row) => Math.min(least, row), rows[0] ?? 0);
        const last = rows.reduce((most, row) => Math.max(most, row), first - 1);
        return pick(await readRows(first, last + 1), first, rows);
      },
    }),
  };
}

/** Some consecutive rows. */
export function someRows(weight: CheckpointWeight, start: number, end: number): CheckpointWeight {
  const width = elementCount(weight.shape.slice(1));
  const shape = [end - start, ...weight.shape.slice(1)];
  const { readRows } = weight;
  if (readRows === undefined)
    return madeFrom(weight, shape, (values) => values.slice(start * width, end * width));
  return {
    ...madeFrom(weight, shape, (values) => values),
    read: () => readRows(start, end),
    readRows: (from, to) => readRows(start + from, start + to),
  };
}

/** The transpose of a matrix. */
export function turned(weight: CheckpointWeight): CheckpointWeight {
  const [rows = 0, columns = 0] = weight.shape;
  return madeFrom(weight, [columns, rows], (values) => {
    const result = new Float32Array(values.length);
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        result[column * rows + row] = values[row * columns + column] as number;
    return result;
  });
}

/** Every element less one. */
export function lessOne(weight: CheckpointWeight): CheckpointWeight {
  return madeFrom(weight, weight.shape, (values) => values.map((value) => value - 1));
}

function madeFrom(
  weight: CheckpointWeight,
  shape: readonly number[],
  make: (values: Float32Array<ArrayBuffer>) => Float32Array<ArrayBuffer>,
): CheckpointWeight {
  const { name, file } = weight;
  return { name, shape, ...(file !== undefined && { file }), read: async () => make(await weight.read()) };
}
