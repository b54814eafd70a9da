import fc from "fast-check";
import { expect, test } from "vitest";
import { wilsonInterval } from "./wilson.ts";

test("by hand, and as published", () => {
  // 0 of n: from 0 to z²/(n + z²).
  const square = 1.959963984540054 ** 2;
  expect(wilsonInterval(0, 10)[0]).toBe(0);
  expect(wilsonInterval(0, 10)[1]).toBeCloseTo(square / (10 + square), 12);
  // Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263, 15 of 148, 1 of 29.
  for (const [right, count, low, high] of [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [1, 29, 0.0061, 0.1718],
  ] as const) {
    const interval = wilsonInterval(right, count);
    expect(interval[0]).toBeCloseTo(low, 4);
    expect(interval[1]).toBeCloseTo(high, 4);
  }
});

test("it holds the share, lies in [0, 1], mirrors, and narrows with the count", () => {
  const samples = fc
    .integer({ min: 1, max: 1000 })
    .chain((count) => fc.tuple(fc.nat(count), fc.constant(count)));
  fc.assert(
    fc.property(samples, ([right, count]) => {
      const [low, high] = wilsonInterval(right, count);
      expect(low).toBeLessThanOrEqual(right / count + 1e-12);
      expect(high).toBeGreaterThanOrEqual(right / count - 1e-12);
      const [mirroredLow, mirroredHigh] = wilsonInterval(count - right, count);
      expect(mirroredLow).toBeCloseTo(1 - high, 12);
      expect(mirroredHigh).toBeCloseTo(1 - low, 12);
      const [moreLow, moreHigh] = wilsonInterval(10 * right, 10 * count);
      expect(moreHigh - moreLow).toBeLessThan(high - low);
    }),
  );
});

test("what is no sample is refused", () => {
  for (const [right, count] of [
    [0, 0],
    [2, 1],
    [-1, 5],
    [Number.NaN, 5],
  ] as const) {
    expect(() => wilsonInterval(right, count)).toThrow(RangeError);
  }
});
