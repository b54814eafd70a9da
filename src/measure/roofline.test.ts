import { expect, test } from "vitest";
import { bandwidthFor, leastSeconds } from "./roofline.ts";

test("the slower of the two binds", () => {
  const rates = { compute: 100, bandwidth: 10 };
  expect(leastSeconds({ flops: 1000, bytes: 10 }, rates)).toBe(10);
  expect(leastSeconds({ flops: 100, bytes: 50 }, rates)).toBe(5);
});

test("bandwidth of the nearest size, by ratio", () => {
  const measured = [
    { bytes: 1, rate: 9 },
    { bytes: 100, rate: 3 },
  ];
  expect(bandwidthFor(9, measured)).toBe(9);
  expect(bandwidthFor(11, measured)).toBe(3);
  expect(() => bandwidthFor(1, [])).toThrow(RangeError);
});
