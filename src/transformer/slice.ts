/**
 * Parts of weights, as weights: nothing is read or copied before the part itself is read. Families split fused
 * matrices in this way, and surgery cuts out heads.
 *
 * A range is [start, end), counted in columns, rows or elements; ranges are used in the given order.
 */
import type { Weight } from "./weight.ts";

export type Range = readonly [start: number, end: number];

/** Columns of a [rows, columns] matrix. @throws RangeError for another rank, or a range outside the matrix. */
export function sliceColumns(weight: Weight, ranges: readonly Range[]): Weight {
  const [rows, columns] = matrixShape(weight);
  if (isEverything(ranges, columns)) return weight;
  const width = totalLength(weight, ranges, columns);
  return {
    name: `${weight.name}[:, ${describe(ranges)}]`,
    shape: [rows, width],
    madeOf: [weight],
    read: async () => {
      const all = await weight.read();
      const part = new Float32Array(rows * width);
      let at = 0;
      for (let row = 0; row < rows; row++) {
        for (const [start, end] of ranges) {
          part.set(all.subarray(row * columns + start, row * columns + end), at);
          at += end - start;
        }
      }
      return part;
    },
  };
}

/** Rows of a [rows, columns] matrix. @throws RangeError for another rank, or a range outside the matrix. */
export function sliceRows(weight: Weight, ranges: readonly Range[]): Weight {
  const [rows, columns] = matrixShape(weight);
  if (isEverything(ranges, rows)) return weight;
  const height = totalLength(weight, ranges, rows);
  return {
    name: `${weight.name}[${describe(ranges)}, :]`,
    shape: [height, columns],
    madeOf: [weight],
    async read() {
      const { readRows } = weight;
      if (readRows === undefined) return join(await weight.read(), ranges, columns);
      const [only] = ranges;
      if (only !== undefined && ranges.length === 1) return readRows(...only);
      const part = new Float32Array(height * columns);
      let at = 0;
      for (const range of ranges) {
        const rows = await readRows(...range);
        part.set(rows, at);
        at += rows.length;
      }
      return part;
    },
  };
}

/** Elements of a vector. @throws RangeError for another rank, or a range outside the vector. */
export function sliceVector(weight: Weight, ranges: readonly Range[]): Weight {
  const [length] = weight.shape;
  if (length === undefined || weight.shape.length !== 1) throw rankError(weight, "a vector");
  if (isEverything(ranges, length)) return weight;
  const kept = totalLength(weight, ranges, length);
  return {
    name: `${weight.name}[${describe(ranges)}]`,
    shape: [kept],
    madeOf: [weight],
    read: async () => join(await weight.read(), ranges, 1),
  };
}

/** Ranges of consecutive items of `size` values each, one after another. */
function join(
  all: Float32Array<ArrayBuffer>,
  ranges: readonly Range[],
  size: number,
): Float32Array<ArrayBuffer> {
  const count = ranges.reduce((sum, [start, end]) => sum + end - start, 0);
  const part = new Float32Array(count * size);
  let at = 0;
  for (const [start, end] of ranges) {
    part.set(all.subarray(start * size, end * size), at);
    at += (end - start) * size;
  }
  return part;
}

function matrixShape(weight: Weight): readonly [rows: number, columns: number] {
  const [rows, columns] = weight.shape;
  if (rows === undefined || columns === undefined || weight.shape.length !== 2) {
    throw rankError(weight, "a matrix");
  }
  return [rows, columns];
}

function rankError(weight: Weight, wanted: string): RangeError {
  return new RangeError(`${weight.name} has shape [${weight.shape.join(", ")}], which is not ${wanted}`);
}

function totalLength(weight: Weight, ranges: readonly Range[], limit: number): number {
  let total = 0;
  for (const [start, end] of ranges) {
    const valid =
      Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= limit;
    if (!valid) throw new RangeError(`${weight.name}: [${start}, ${end}) is not a range within ${limit}`);
    total += end - start;
  }
  return total;
}

function isEverything(ranges: readonly Range[], limit: number): boolean {
  return ranges.length === 1 && ranges[0]?.[0] === 0 && ranges[0][1] === limit;
}

function describe(ranges: readonly Range[]): string {
  return ranges.map(([start, end]) => `${start}:${end}`).join(",");
}
