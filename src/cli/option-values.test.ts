import { describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import {
  parseAlpha,
  parseBootstrap,
  parseFrequency,
  parseKl,
  parsePasses,
  parseSeed,
  parseTargetAccuracy,
  parseTargetSize,
  parseThreads,
  parseTop,
} from "./option-values.ts";

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

test("a bootstrap has two runs or more, and a frequency is a share of them", () => {
  expect([parseBootstrap("2"), parseBootstrap("20"), parseFrequency("0.5"), parseFrequency("1")]).toEqual([
    2, 20, 0.5, 1,
  ]);
  for (const text of ["0", "1", "2.5", "1001", "", "all"])
    expect(() => parseBootstrap(text)).toThrow(PithError);
  for (const text of ["0", "-0.5", "1.01", "50%", "", "NaN"])
    expect(() => parseFrequency(text)).toThrow(PithError);
});

describe("targets, bounds and passes", () => {
  test("what they may be", () => {
    expect(parseTargetAccuracy("0.99")).toBe(0.99);
    expect(parseTargetAccuracy("1")).toBe(1);
    expect(parseTargetSize("0")).toBe(0);
    expect(parseTargetSize(".2")).toBe(0.2);
    expect(parseKl("--max-kl")("1e-3")).toBe(0.001);
    expect(parsePasses("2")).toBe(2);
  });

  test.each([
    ["--target-accuracy", parseTargetAccuracy, ["0", "1.01", "-0.5", "99%", "NaN", "", "Infinity"]],
    ["--target-size", parseTargetSize, ["-0.1", "2", "NaN", "half"]],
    ["--target-kl", parseKl("--target-kl"), ["-1", "NaN", "1e999", "0x1"]],
    ["--max-kl", parseKl("--max-kl"), ["-0.1", "nan", "Infinity"]],
    ["--passes", parsePasses, ["0", "-1", "1.5", "NaN", "1001"]],
  ] as const)("%s refuses the rest", (option, parse, texts) => {
    for (const text of texts) {
      expect(() => parse(text)).toThrow(PithError);
      expect(() => parse(text)).toThrow(option);
    }
  });
});
