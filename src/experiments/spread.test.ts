import fc from "fast-check";
import { expect, test } from "vitest";
import { groupBy, scaledSpread, spreadOf } from "./spread.ts";

test("by hand: 2, 4, 4, 4, 6 have mean 4 and sample deviation √2; one run has none", () => {
  expect(spreadOf([2, 4, 4, 4, 6])).toEqual({ mean: 4, std: Math.SQRT2, count: 5 });
  expect(spreadOf([7])).toEqual({ mean: 7, std: undefined, count: 1 });
  expect(scaledSpread({ mean: 0.5, std: 0.25, count: 2 }, -100)).toEqual({ mean: -50, std: 25, count: 2 });
  expect(() => spreadOf([])).toThrow(RangeError);
});

test("equal values have exactly their own mean and no deviation; shifts move the mean alone", () => {
  // Without −0, which is no other value.
  const value = fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((each) => each + 0);
  fc.assert(
    fc.property(value, fc.integer({ min: 2, max: 20 }), (each, count) => {
      expect(spreadOf(Array<number>(count).fill(each))).toEqual({ mean: each, std: 0, count });
    }),
  );
  const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 9 });
  fc.assert(
    fc.property(values, fc.integer({ min: -1000, max: 1000 }), (list, shift) => {
      const [before, after] = [spreadOf(list), spreadOf(list.map((each) => each + shift))];
      expect(after.mean).toBeCloseTo(before.mean + shift, 9);
      expect(after.std ?? Number.NaN).toBeCloseTo(before.std ?? Number.NaN, 9);
    }),
  );
});

test("groups keep the order of first appearance", () => {
  const groups = groupBy(["pear", "fig", "plum", "apple"], (word) => word[0]);
  expect([...groups]).toEqual([
    ["p", ["pear", "plum"]],
    ["f", ["fig"]],
    ["a", ["apple"]],
  ]);
});
