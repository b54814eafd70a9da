import fc from "fast-check";
import { expect, test } from "vitest";
import { formatIndices, parseIndices } from "./index-runs.ts";

test.each<[readonly number[], string]>([
  [[], ""],
  [[7], "7"],
  [[0, 1], "0-1"],
  [[0, 1, 2, 3, 5], "0-3, 5"],
  [[1, 3, 5, 6, 9], "1, 3, 5-6, 9"],
])("%j is written %j", (indices, text) => {
  expect(formatIndices(indices)).toBe(text);
});

test("people may write runs as they like", () => {
  expect(parseIndices("0,1,2 ,  5-5, 6", 7)).toEqual([0, 1, 2, 5, 6]);
});

test("what is written is read, and is short where runs are long", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(300), { minLength: 1 }), (drawn) => {
      const indices = [...drawn].sort((one, other) => one - other);
      expect(parseIndices(formatIndices(indices), 301)).toEqual(indices);
    }),
  );
  expect(formatIndices(Array.from({ length: 28_672 }, (_, at) => at))).toBe("0-28671");
});

test.each([
  ["", "must list numbers"],
  ["1,", "must list numbers"],
  ["-3", "must list numbers"],
  ["01", "must list numbers"],
  ["1.5", "must list numbers"],
  ["0x1", "must list numbers"],
  ["99999999999", "must list numbers"],
  ["3-1", "each number once, ascending"],
  ["1, 1", "each number once, ascending"],
  ["0-3, 2", "each number once, ascending"],
  ["5, 2", "each number once, ascending"],
  ["0-9999999999", "lists 9999999999, but there are only 10"],
  ["10", "lists 10, but there are only 10"],
])("%j is refused", (text, message) => {
  expect(parseIndices(text, 10)).toEqual({ fault: expect.stringContaining(message) });
});
