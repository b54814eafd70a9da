import { expect, test } from "vitest";
import { binomialTail } from "./binomial.ts";

test("hand-worked: three coins", () => {
  expect(binomialTail(3, 3, 0.5)).toBeCloseTo(1 / 8, 12);
  expect(binomialTail(2, 3, 0.5)).toBeCloseTo(4 / 8, 12);
  expect(binomialTail(1, 3, 0.5)).toBeCloseTo(7 / 8, 12);
  expect(binomialTail(0, 3, 0.5)).toBe(1);
});

test("all of a hundred at 0.9 is 0.9 to the hundredth; 95 of them is not yet rare", () => {
  expect(binomialTail(100, 100, 0.9)).toBeCloseTo(0.9 ** 100, 12);
  // scipy.stats.binom.sf(94, 100, 0.9)
  expect(binomialTail(95, 100, 0.9)).toBeCloseTo(0.05757688648703, 10);
});

test("many trials neither overflow nor vanish", () => {
  expect(binomialTail(500, 1000, 0.5)).toBeGreaterThan(0.5);
  expect(binomialTail(500, 1000, 0.5)).toBeLessThan(0.52);
});

test("refuses counts and probabilities that are none", () => {
  expect(() => binomialTail(4, 3, 0.5)).toThrow(RangeError);
  expect(() => binomialTail(1.5, 3, 0.5)).toThrow(RangeError);
  expect(() => binomialTail(1, 3, 1)).toThrow(RangeError);
});
