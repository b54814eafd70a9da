/**
 * Parts of weights, as weights: nothing is read or copied before the part itself is read. Families split fused
 * matrices in this way, and surgery cuts out heads.
 *
 * A range is [start, end), counted in columns, rows or elements; ranges are used in the given order. Heads are a few
 * wide ranges; neurons are thousands of narrow ones, so nothing here takes long for each.
 */
import type { Weight } from "./weight.ts";

/** A gap between two ranges of rows with fewer elements than this is read too: a second read takes longer. */
const shortGap = 2 ** 14;
/** Elements of one read of several ranges. */
const mostAtOnce = 2 ** 21;

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
      const picked = indicesIn(ranges, width);
      let at = 0;
      for (let row = 0; row < rows; row++) {
        const from = row * columns;
        for (let column = 0; column < width; column++)
          part[at++] = all[from + (picked[column] as number)] as number;
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
      for (const [start, end, held] of readsOf(ranges, columns)) {
        const rows = await readRows(start, end);
        for (const [from, to] of held) {
          part.set(rows.subarray((from - start) * columns, (to - start) * columns), at);
          at += (to - from) * columns;
        }
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

/** The indices in the ranges, one after another. @param count how many there are. */
function indicesIn(ranges: readonly Range[], count: number): Uint32Array {
  const indices = new Uint32Array(count);
  let at = 0;
  for (const [start, end] of ranges) for (let index = start; index < end; index++) indices[at++] = index;
  return indices;
}

/** Which rows to read at once: from, to before, and the ranges among them. Ranges that lie close are read together. */
function readsOf(
  ranges: readonly Range[],
  columns: number,
): readonly (readonly [start: number, end: number, held: readonly Range[]])[] {
  const reads: { start: number; end: number; held: Range[] }[] = [];
  for (const range of ranges) {
    const [start, end] = range;
    const last = reads.at(-1);
    const joins =
      last !== undefined &&
      start >= last.end &&
      (start - last.end) * columns < shortGap &&
      (end - last.start) * columns <= mostAtOnce;
    if (joins) {
      last.end = end;
      last.held.push(range);
    } else {
      reads.push({ start, end, held: [range] });
    }
  }
  return reads.map(({ start, end, held }) => [start, end, held]);
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

/** The first ranges, and how many there are where they are many. */
function describe(ranges: readonly Range[]): string {
  const first = ranges.slice(0, mostNamed).map(([start, end]) => `${start}:${end}`);
  return `${first.join(",")}${ranges.length > mostNamed ? ` and ${ranges.length - mostNamed} more` : ""}`;
}

const mostNamed = 16;
