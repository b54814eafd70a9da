import { expect, test } from "vitest";
import { adamStart, adamStep } from "./adam.ts";

test("the first step goes a whole rate against the sign of the gradient, however large it is", () => {
  const { values, steps } = adamStep(adamStart(Float64Array.of(1, 1, 1)), Float64Array.of(1e-3, -50, 0), 0.1);
  expect(steps).toBe(1);
  expect(values[0]).toBeCloseTo(0.9, 5);
  expect(values[1]).toBeCloseTo(1.1, 8);
  expect(values[2]).toBe(1);
});

test("two steps are as worked out by hand", () => {
  const first = adamStep(adamStart(Float64Array.of(0)), Float64Array.of(2), 0.1);
  const second = adamStep(first, Float64Array.of(-1), 0.1);
  // m = .9·.2 + .1·(−1) = .08, v = .999·.004 + .001·1 = .004996; m̂ = .08/.19, v̂ = .004996/.001999.
  expect(second.first[0]).toBeCloseTo(0.08, 12);
  expect(second.second[0]).toBeCloseTo(0.004996, 12);
  expect(second.values[0]).toBeCloseTo(-0.1 - (0.1 * (0.08 / 0.19)) / Math.sqrt(0.004996 / 0.001999), 7);
});

test("a state is not changed by a step", () => {
  const start = adamStart(Float64Array.of(0.5));
  adamStep(start, Float64Array.of(1), 0.1);
  expect(start).toEqual(adamStart(Float64Array.of(0.5)));
});
