import { describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { parseAlpha, parseSeed, parseThreads, parseTop } from "./option-values.ts";

describe("α", () => {
  test.each([
    ["0.02", 0.02],
    ["1", 1],
    [".5", 0.5],
    ["1e-5", 1e-5],
    ["+2.", 2],
  ])("%s", (text, value) => {
    expect(parseAlpha(text)).toBe(value);
  });

  test.each(["", "0", "-0.1", "NaN", "Infinity", "1e999", "1e-999", "0x10", "0,02", "0.02 ", "α", "1e"])(
    "not %j",
    (text) => {
      expect(() => parseAlpha(text)).toThrow(PithError);
    },
  );

  test("the error names the option, repeats the value, and says what would do", () => {
    expect(() => parseAlpha("-1")).toThrowErrorMatchingInlineSnapshot(
      `[PithError: "--alpha": expected a positive finite number, found "-1". 0.02 is a good start; larger prunes more.]`,
    );
    expect(() => parseAlpha("9".repeat(1000))).toThrow(/found "9{40}…"/);
  });
});

test("threads, seeds and counts are whole and in range", () => {
  expect([
    parseThreads("1"),
    parseThreads("64"),
    parseSeed("0"),
    parseSeed("4294967295"),
    parseTop("5"),
  ]).toEqual([1, 64, 0, 4294967295, 5]);
  for (const text of ["0", "-1", "1.5", "two", "", "1e3", "99999999999999999999"]) {
    expect(() => parseThreads(text)).toThrow(PithError);
    expect(() => parseTop(text)).toThrow(PithError);
  }
  for (const text of ["-1", "0.5", "4294967296", ""]) expect(() => parseSeed(text)).toThrow(PithError);
});
