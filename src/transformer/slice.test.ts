import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Range, sliceColumns, sliceRows, sliceVector } from "./slice.ts";
import { constantWeight, type Weight } from "./weight.ts";

/** Element [i, j] is 10·i + j. */
const matrix = constantWeight(
  "w",
  [3, 4],
  Float32Array.from({ length: 12 }, (_, k) => 10 * Math.floor(k / 4) + (k % 4)),
);
const vector = constantWeight("b", [5], Float32Array.of(0, 1, 2, 3, 4));
const values = async (weight: Weight) => Array.from(await weight.read());

describe("slices", () => {
  test("columns, in the order given", async () => {
    const part = sliceColumns(matrix, [
      [3, 4],
      [0, 2],
    ]);
    expect(part).toMatchObject({ name: "w[:, 3:4,0:2]", shape: [3, 3] });
    expect(await values(part)).toEqual([3, 0, 1, 13, 10, 11, 23, 20, 21]);
  });

  test("rows", async () => {
    const part = sliceRows(matrix, [
      [2, 3],
      [0, 1],
    ]);
    expect(part).toMatchObject({ name: "w[2:3,0:1, :]", shape: [2, 4] });
    expect(await values(part)).toEqual([20, 21, 22, 23, 0, 1, 2, 3]);
  });

  test("elements", async () => {
    const part = sliceVector(vector, [
      [4, 5],
      [1, 3],
    ]);
    expect(part).toMatchObject({ name: "b[4:5,1:3]", shape: [3] });
    expect(await values(part)).toEqual([4, 1, 2]);
  });

  test("of many narrow ranges, as of neurons: few reads, and the same values", async () => {
    const width = 512;
    const tall = constantWeight(
      "tall",
      [400, width],
      Float32Array.from({ length: 400 * width }, (_, at) => at),
    );
    const reads: (readonly [number, number])[] = [];
    const counted: Weight = {
      ...tall,
      async readRows(start, end) {
        reads.push([start, end]);
        return (await tall.read()).slice(start * width, end * width);
      },
    };
    // 100 rows close to each other, and one far off: a gap of 32 rows is as long as what is read along.
    const rows = [...Array.from({ length: 100 }, (_, at) => 2 * at), 231];
    const ranges = rows.map((row): Range => [row, row + 1]);
    const part = sliceRows(counted, ranges);
    expect(part.name).toMatch(/^tall\[0:1,.*30:31 and 85 more, :\]$/);
    const expected = rows.flatMap((row) => Array.from({ length: width }, (_, at) => row * width + at));
    expect(await values(part)).toEqual(expected);
    expect(reads).toEqual([
      [0, 199],
      [231, 232],
    ]);
    const flat = constantWeight("flat", [width, 400], await tall.read());
    const columns = await values(sliceColumns(flat, ranges));
    expect(columns).toEqual(
      Array.from({ length: width }, (_, row) => rows.map((column) => row * 400 + column)).flat(),
    );
  });

  test("of slices", async () => {
    const part = sliceRows(sliceColumns(matrix, [[1, 4]]), [[1, 2]]);
    expect(part.shape).toEqual([1, 3]);
    expect(await values(part)).toEqual([11, 12, 13]);
  });

  test("of everything are the weight itself, of nothing are empty", async () => {
    expect(sliceColumns(matrix, [[0, 4]])).toBe(matrix);
    expect(sliceRows(matrix, [[0, 3]])).toBe(matrix);
    expect(sliceVector(vector, [[0, 5]])).toBe(vector);
    expect(sliceColumns(matrix, []).shape).toEqual([3, 0]);
    expect(await values(sliceRows(matrix, [[1, 1]]))).toEqual([]);
  });

  test("read nothing before they are read", async () => {
    let reads = 0;
    const counted: Weight = {
      ...matrix,
      read: () => {
        reads++;
        return matrix.read();
      },
    };
    const part = sliceRows(sliceColumns(counted, [[0, 1]]), [[0, 1]]);
    expect(reads).toBe(0);
    await part.read();
    expect(reads).toBe(1);
  });

  test("refuse ranges outside, reversed or fractional, and other ranks", () => {
    for (const range of [
      [-1, 2],
      [2, 1],
      [0, 5],
      [0.5, 1],
    ] as Range[]) {
      expect(() => sliceColumns(matrix, [range])).toThrow(RangeError);
    }
    expect(() => sliceRows(matrix, [[0, 4]])).toThrow("w: [0, 4) is not a range within 3");
    expect(() => sliceRows(vector, [[0, 1]])).toThrow("b has shape [5], which is not a matrix");
    expect(() => sliceVector(matrix, [[0, 1]])).toThrow("not a vector");
  });

  test("agree with picking elements one by one", async () => {
    const ranges = fc.array(
      fc.tuple(fc.nat(4), fc.nat(4)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
      { maxLength: 4 },
    );
    const indices = (list: readonly Range[]) =>
      list.flatMap(([start, end]) => Array.from({ length: end - start }, (_, k) => start + k));
    await fc.assert(
      fc.asyncProperty(ranges, async (list) => {
        const picked = [0, 1, 2].flatMap((row) => indices(list).map((column) => 10 * row + column));
        expect(await values(sliceColumns(matrix, list))).toEqual(picked);
        expect(await values(sliceVector(vector, list))).toEqual(indices(list));
      }),
    );
  });
});
