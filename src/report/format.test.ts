import { expect, test } from "vitest";
import {
  formatBytes,
  formatChange,
  formatCount,
  formatDuration,
  formatKl,
  formatMilliseconds,
  formatShare,
  plural,
} from "./format.ts";

test("counts and shares", () => {
  expect(formatCount(3103104)).toBe("3,103,104");
  expect(formatShare(149 / 150)).toBe("99.3 %");
  expect(plural(1, "prompt")).toBe("1 prompt");
  expect(plural(1500, "prompt")).toBe("1,500 prompts");
});

test("bytes change their unit where three digits would round to a thousand", () => {
  expect([0, 999, 1000, 999_499, 999_600, 6_213_304, 5_400_000_000].map(formatBytes)).toEqual([
    "0 bytes",
    "999 bytes",
    "1.00 kB",
    "999 kB",
    "1.00 MB",
    "6.21 MB",
    "5.40 GB",
  ]);
});

test("changes carry a true sign, and none when they round to nothing", () => {
  expect(formatChange(200, 150)).toBe("−25.0 %");
  expect(formatChange(200, 250)).toBe("+25.0 %");
  expect(formatChange(10_000, 9_999)).toBe("±0.0 %");
  expect(formatChange(0, 0)).toBe("±0.0 %");
  expect(formatChange(0, 5)).toBe("new");
});

test("times", () => {
  expect([0.0834, 1.234, 45.67, 1234].map(formatMilliseconds)).toEqual([
    "0.083 ms",
    "1.23 ms",
    "45.7 ms",
    "1234 ms",
  ]);
  expect([0, 4.21, 9.96, 59.7, 83, 7265].map(formatDuration)).toEqual([
    "0.0 s",
    "4.2 s",
    "10 s",
    "1 min 0 s",
    "1 min 23 s",
    "2 h 1 min",
  ]);
});

test("divergences keep digits when they are small", () => {
  expect([0, 0.12525638, 3.1e-6, -2e-8].map(formatKl)).toEqual(["0.0000", "0.1253", "3.1e-6", "-2.0e-8"]);
});
