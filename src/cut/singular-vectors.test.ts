import fc from "fast-check";
import { expect, test } from "vitest";
import { type Matrix, rightSingularVectors, timesRoot } from "./singular-vectors.ts";

const matrix = (rows: readonly (readonly number[])[]): Matrix => ({
  rows: rows.length,
  columns: rows[0]?.length ?? 0,
  values: Float64Array.from(rows.flat()),
});
const near = (values: Float64Array, expected: readonly number[]) => {
  expect(values).toHaveLength(expected.length);
  for (const [at, value] of expected.entries()) expect(values[at]).toBeCloseTo(value, 12);
};

test("by hand: (3, 4) and (−4, 3) times a length; the longer one comes first", () => {
  near(
    rightSingularVectors(
      matrix([
        [0.3, 0.4],
        [-4, 3],
      ]),
    ),
    [-0.8, 0.6, 0.6, 0.8],
  );
});

test("by hand: [[1, 1], [1, 0]] has the vectors of the golden ratio, up to their signs", () => {
  const golden = (1 + Math.sqrt(5)) / 2;
  const length = Math.hypot(golden, 1);
  const vectors = rightSingularVectors(
    matrix([
      [1, 1],
      [1, 0],
    ]),
  );
  near(vectors.map(Math.abs), [golden / length, 1 / length, 1 / length, golden / length]);
  expect((vectors[0] ?? 0) * (vectors[2] ?? 0) + (vectors[1] ?? 0) * (vectors[3] ?? 0)).toBeCloseTo(0, 14);
});

test("a row that is a multiple of another leaves a vector of zeros", () => {
  const vectors = rightSingularVectors(
    matrix([
      [0, 2, 0],
      [0, 1, 0],
    ]),
  );
  near(vectors.map(Math.abs), [0, 1, 0, 0, 0, 0]);
});

test("√C by hand: C = [[4, 2], [2, 5]] = L·Lᵀ with L = [[2, 0], [1, 2]]", () => {
  const product = timesRoot(
    Float64Array.of(4, 2, 2, 5),
    matrix([
      [1, 10],
      [3, 0],
    ]),
  );
  near(product.values, [2 * 1 + 1 * 3, 2 * 10, 2 * 3, 0]);
});

test("vectors are orthonormal, and all of them together lose nothing", () => {
  const sizes = fc.record({ rows: fc.integer({ min: 1, max: 6 }), columns: fc.integer({ min: 1, max: 9 }) });
  const matrices = sizes.chain(({ rows, columns }) =>
    fc
      .array(fc.integer({ min: -1e6, max: 1e6 }), {
        minLength: rows * columns,
        maxLength: rows * columns,
      })
      .map((values): Matrix => ({ rows, columns, values: Float64Array.from(values) })),
  );
  fc.assert(
    fc.property(matrices, ({ rows, columns, values }) => {
      const vectors = rightSingularVectors({ rows, columns, values });
      const row = (all: Float64Array, at: number) => all.subarray(at * columns, (at + 1) * columns);
      const product = (one: Float64Array, other: Float64Array) =>
        one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0);
      const size = Math.max(...values.map(Math.abs));
      for (let at = 0; at < rows; at++) {
        const rest = Float64Array.from(row(values, at));
        for (let vector = 0; vector < rows; vector++) {
          const own = row(vectors, vector);
          const along = product(row(values, at), own);
          for (let column = 0; column < columns; column++)
            rest[column] = (rest[column] ?? 0) - along * (own[column] ?? 0);
        }
        for (const left of rest) expect(Math.abs(left)).toBeLessThanOrEqual(1e-9 * size);
      }
    }),
  );
});
