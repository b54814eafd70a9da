import { expect, test } from "vitest";
import { rankCorrelation } from "./rank-correlation.ts";

test("orders that agree, disagree, and half agree, worked out by hand", () => {
  expect(rankCorrelation([1, 2, 3], [10, 200, 3000])).toBeCloseTo(1, 12);
  expect(rankCorrelation([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 12);
  // Ranks 0 1 2 3 and 1 0 3 2: 1 − 6·4 / (4·15) = 0.6.
  expect(rankCorrelation([1, 2, 3, 4], [2, 1, 4, 3])).toBeCloseTo(0.6, 12);
});

test("equal values share the mean of their ranks", () => {
  // Ranks 0, 1.5, 1.5, 3 and 0 1 2 3: covariance 4.5, variances 4.5 and 5.
  expect(rankCorrelation([1, 5, 5, 9], [1, 2, 3, 4])).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 12);
});

test("there is none where nothing is in order", () => {
  expect(rankCorrelation([2, 2, 2], [1, 2, 3])).toBeUndefined();
  expect(rankCorrelation([], [])).toBeUndefined();
  expect(() => rankCorrelation([1], [])).toThrow(RangeError);
});
