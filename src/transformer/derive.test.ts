import { expect, test } from "vitest";
import { centeredRows, joinColumns, reshaped, scaled } from "./derive.ts";
import { constantWeight } from "./weight.ts";

const matrix = (name: string, rows: number, columns: number, ...values: number[]) =>
  constantWeight(name, [rows, columns], Float32Array.from(values));
const vector = (name: string, ...values: number[]) =>
  constantWeight(name, [values.length], Float32Array.from(values));

test("joinColumns: matrices side by side, vectors one after another", async () => {
  const joined = joinColumns([matrix("a", 2, 1, 1, 2), matrix("b", 2, 2, 3, 4, 5, 6)]);
  expect(joined.shape).toEqual([2, 3]);
  expect(await joined.read()).toEqual(Float32Array.of(1, 3, 4, 2, 5, 6));
  const line = joinColumns([vector("c", 1), vector("d", 2, 3)]);
  expect(line.shape).toEqual([3]);
  expect(await line.read()).toEqual(Float32Array.of(1, 2, 3));
  expect(() => joinColumns([matrix("a", 2, 1, 1, 2), matrix("b", 1, 2, 3, 4)])).toThrow(/a\+b/);
});

test("scaled and reshaped", async () => {
  const weight = matrix("a", 1, 2, 1, -2);
  expect(await scaled(weight, 0.5).read()).toEqual(Float32Array.of(0.5, -1));
  expect(await weight.read()).toEqual(Float32Array.of(1, -2));
  expect(reshaped(weight, [2, 1]).shape).toEqual([2, 1]);
  expect(() => reshaped(weight, [3])).toThrow(RangeError);
});

test("centeredRows: rows less their mean, the original untouched", async () => {
  const weight = matrix("a", 2, 3, 1, 2, 3, 5, 2, -3);
  expect(await centeredRows(weight).read()).toEqual(Float32Array.of(-2, 0, 3, 2, 0, -3));
  expect(await weight.read()).toEqual(Float32Array.of(1, 2, 3, 5, 2, -3));
});
