import fc from "fast-check";
import { expect, test } from "vitest";
import { createRandom } from "../tasks/random.ts";
import { speedRatio } from "./speed-ratio.ts";

const ones = (count: number) => Array.from({ length: count }, () => 1);
const range = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

// Order statistics of the median, from tables of the binomial distribution at 95 %: ranks from 1.
test.each([
  [6, 1, 6],
  [8, 1, 8],
  [9, 2, 8],
  [10, 2, 9],
  [20, 6, 15],
  [25, 8, 18],
  [50, 18, 33],
  [100, 40, 61],
  [1000, 469, 532],
])("of %i pairs the interval goes from the %i-th ratio to the %i-th", (pairs, low, high) => {
  const { interval, ratio } = speedRatio(range(pairs), ones(pairs));
  expect(interval).toEqual([low, high]);
  expect(ratio).toBe((pairs + 1) / 2);
});

test("a pair that is disturbed as a whole changes nothing", () => {
  const slow = [1, 1, 9, 1, 50, 1, 1];
  const first = slow.map((factor) => 3 * factor);
  expect(speedRatio(first, slow)).toEqual({ ratio: 3, interval: [3, 3], pairs: 7 });
});

test("in equal measurements of the same thing the interval holds 1 nearly always", () => {
  const { below } = createRandom(7);
  const noisy = () => Array.from({ length: 40 }, () => 1 + below(1000) / 500);
  const runs = Array.from({ length: 400 }, () => speedRatio(noisy(), noisy()).interval);
  const holds = runs.filter(([low, high]) => low <= 1 && high >= 1).length;
  // 95 % at least, less three standard deviations of 400 draws.
  expect(holds / 400).toBeGreaterThan(0.95 - 3 * Math.sqrt((0.95 * 0.05) / 400));
});

test("the interval holds the median, and swaps with the two", () => {
  const times = fc.array(fc.tuple(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 1, max: 99 })), {
    minLength: 6,
    maxLength: 60,
  });
  fc.assert(
    fc.property(times, (pairs) => {
      const [first, second] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)];
      const { ratio, interval } = speedRatio(first, second);
      expect(interval[0]).toBeLessThanOrEqual(ratio);
      expect(interval[1]).toBeGreaterThanOrEqual(ratio);
      const other = speedRatio(second, first).interval;
      expect(other[0]).toBeCloseTo(1 / interval[1], 12);
      expect(other[1]).toBeCloseTo(1 / interval[0], 12);
    }),
  );
});

test("fewer than six pairs tell nothing", () => {
  expect(() => speedRatio(ones(5), ones(5))).toThrow(RangeError);
  expect(() => speedRatio(ones(6), ones(7))).toThrow(RangeError);
});
