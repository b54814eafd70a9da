import fc from "fast-check";
import { expect, test } from "vitest";
import { cutAlong, firstUnits, orderOf } from "./cut-along.ts";

test("the order is by value, and by number where values are equal", () => {
  expect(orderOf(Float64Array.of(1, 3, 3, -2))).toEqual([1, 2, 0, 3]);
});

test("the first units are those that fit, up to the first that does not", () => {
  const costs = Float64Array.of(5, 1, 1);
  expect([...firstUnits([1, 0, 2], costs, 6)]).toEqual([1, 1, 0]);
  expect([...firstUnits([1, 0, 2], costs, 5.5)]).toEqual([0, 1, 0]);
});

test("where a loss falls with size, the cut is the smallest up to its grid, and it holds", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 1000 }), async (needed) => {
      const costs = new Float64Array(1000).fill(1);
      const order = [...costs.keys()];
      const size = (mask: Float64Array) => mask.reduce((sum, value) => sum + value, 0);
      const found = size(await cutAlong(order, costs, async (mask) => size(mask) >= needed));
      expect(found).toBeGreaterThanOrEqual(needed);
      expect(found).toBeLessThanOrEqual(needed * 1.06 + 4);
    }),
  );
});

test("a smaller circuit that holds below one that does not is found", async () => {
  const costs = new Float64Array(100).fill(1);
  const size = (mask: Float64Array) => mask.reduce((sum, value) => sum + value, 0);
  const holds = async (mask: Float64Array) => {
    const units = size(mask);
    return units >= 80 || (units >= 50 && units <= 60);
  };
  expect(size(await cutAlong([...costs.keys()], costs, holds))).toBeLessThanOrEqual(60);
});

test("nothing is kept where nothing is needed, and all where less never holds", async () => {
  const costs = Float64Array.of(2, 1);
  expect([...(await cutAlong([0, 1], costs, async () => true))]).toEqual([0, 0]);
  expect([...(await cutAlong([0, 1], costs, async () => false))]).toEqual([1, 1]);
});
