import { expect, test } from "vitest";
import { addConstants, constantFromVector, constantTensor, zeroConstant } from "./constant.ts";

test("a vector for several positions", () => {
  const constant = constantFromVector(Float32Array.of(1, 2), 3);
  expect(constant).toEqual({ rows: 3, width: 2, values: Float64Array.of(1, 2, 1, 2, 1, 2) });
});

test("sums are new and exact in float64", () => {
  const a = { rows: 1, width: 2, values: Float64Array.of(1e8, 1) };
  const b = { rows: 1, width: 2, values: Float64Array.of(1, -1) };
  const c = { rows: 1, width: 2, values: Float64Array.of(-1e8, 0) };
  // Float32 would lose the 1 beside 1e8.
  expect(addConstants(a, b, c).values).toEqual(Float64Array.of(1, 0));
  expect(a.values).toEqual(Float64Array.of(1e8, 1));
  expect(addConstants(c, b, a)).toEqual(addConstants(a, b, c));
});

test("constants of other shapes can't be added, nor none at all", () => {
  expect(() => addConstants(zeroConstant(1, 2), zeroConstant(2, 2))).toThrow(RangeError);
  expect(() => addConstants(zeroConstant(1, 2), zeroConstant(1, 3))).toThrow(RangeError);
  expect(() => addConstants()).toThrow(RangeError);
});

test("as a tensor: every row, or the last", () => {
  const constant = { rows: 2, width: 2, values: Float64Array.of(1, 2, 3, 0.1) };
  const all = constantTensor(constant, "all");
  expect(all).toEqual({ type: "float32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 0.1) });
  const last = constantTensor(constant, "last");
  expect(last).toEqual({ type: "float32", shape: [1, 2], data: Float32Array.of(3, 0.1) });
  expect(constantTensor(zeroConstant(1, 3), "last").shape).toEqual([1, 3]);
});
