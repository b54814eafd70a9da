import { expect, test } from "vitest";
import { addConstants, constantFromVector, constantTensor, zeroConstant } from "./constant.ts";

const [one, apart] = [{ kind: "one" }, { kind: "apart" }] as const;
const each = (length: number) => ({ kind: "each", length }) as const;

test("a vector for several positions", () => {
  const three = Float64Array.of(1, 2, 1, 2, 1, 2);
  expect(constantFromVector(Float32Array.of(1, 2), each(3))).toEqual({
    rows: each(3),
    width: 2,
    values: three,
  });
  const two = Float64Array.of(1, 2, 1, 2);
  expect(constantFromVector(Float32Array.of(1, 2), apart)).toEqual({ rows: apart, width: 2, values: two });
});

test("sums are new and exact in float64", () => {
  const a = { rows: one, width: 2, values: Float64Array.of(1e8, 1) };
  const b = { rows: one, width: 2, values: Float64Array.of(1, -1) };
  const c = { rows: one, width: 2, values: Float64Array.of(-1e8, 0) };
  // Float32 would lose the 1 beside 1e8.
  expect(addConstants(a, b, c).values).toEqual(Float64Array.of(1, 0));
  expect(a.values).toEqual(Float64Array.of(1e8, 1));
  expect(addConstants(c, b, a)).toEqual(addConstants(a, b, c));
});

test("constants of other shapes can't be added, nor none at all", () => {
  expect(() => addConstants(zeroConstant(one, 2), zeroConstant(each(2), 2))).toThrow(RangeError);
  expect(() => addConstants(zeroConstant(apart, 2), zeroConstant(each(2), 2))).toThrow(RangeError);
  expect(() => addConstants(zeroConstant(each(3), 2), zeroConstant(each(2), 2))).toThrow(RangeError);
  expect(() => addConstants(zeroConstant(one, 2), zeroConstant(one, 3))).toThrow(RangeError);
  expect(() => addConstants()).toThrow(RangeError);
});

test("as a tensor: every row, or the last", () => {
  const constant = { rows: each(2), width: 2, values: Float64Array.of(1, 2, 3, 0.1) };
  const all = constantTensor(constant, "all", 2);
  expect(all).toEqual({ type: "float32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 0.1) });
  const last = constantTensor(constant, "last", 2);
  expect(last).toEqual({ type: "float32", shape: [1, 2], data: Float32Array.of(3, 0.1) });
  expect(constantTensor(zeroConstant(one, 3), "last", 2).shape).toEqual([1, 3]);
});

test("with the first position apart: its row, and the other as often as prompts have more tokens", () => {
  const constant = { rows: apart, width: 2, values: Float64Array.of(1, 2, 3, 4) };
  const data = (...values: number[]) => Float32Array.from(values);
  expect(constantTensor(constant, "all", 3)).toEqual({
    ...{ type: "float32", shape: [3, 2], data: data(1, 2, 3, 4, 3, 4) },
  });
  expect(constantTensor(constant, "all", 1)).toEqual({ type: "float32", shape: [1, 2], data: data(1, 2) });
  expect(constantTensor(constant, "last", 3)).toEqual({ type: "float32", shape: [1, 2], data: data(3, 4) });
});
