import { expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { parseJobs } from "./option-values.ts";
import { parseAlphas, parseChoices, parseSeeds } from "./sweep-values.ts";

test("thresholds as a range or a list", () => {
  expect(parseAlphas("1e-2..1:3").map((alpha) => Number(alpha.toPrecision(12)))).toEqual([0.01, 0.1, 1]);
  expect(parseAlphas("0.02")).toEqual([0.02]);
  expect(parseAlphas("0.5, .02,1e-3")).toEqual([0.5, 0.02, 0.001]);
  expect(parseAlphas("1e-5..1:30")).toHaveLength(30);
});

test("seeds as a number, a range or a list", () => {
  expect(parseSeeds("3")).toEqual([0, 1, 2]);
  expect(parseSeeds("7..9")).toEqual([7, 8, 9]);
  expect(parseSeeds("4,0,4")).toEqual([4, 0]);
});

test("one or both", () => {
  const parse = parseChoices("--mlps", ["on", "off"]);
  expect(parse("off")).toEqual(["off"]);
  expect(parse("off, on,off")).toEqual(["off", "on"]);
});

const alphas = [
  "",
  "0",
  "-1",
  "x",
  "0.1,",
  "1..2",
  "1e-5..1",
  "1..1e-5:3",
  "1e-5..1:1",
  "1e-5..1:1001",
  "0..1:5",
  "1:5",
];
test.each([
  ...alphas.map((text) => ["--alphas", parseAlphas, text] as const),
  ...["", "0", "x", "-1", "4..2", "1,x", "1001", "1.5"].map((text) => ["--seeds", parseSeeds, text] as const),
  ...["", "on,", "yes"].map((text) => ["--mlps", parseChoices("--mlps", ["on", "off"]), text] as const),
  ...["0", "257", "x"].map((text) => ["--jobs", parseJobs, text] as const),
])("%s: %o refuses %j, and names the option", (option, parse, text) => {
  expect(() => parse(text)).toThrow(PithError);
  expect(() => parse(text)).toThrow(option);
});
