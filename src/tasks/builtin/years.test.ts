import { describe, expect, test } from "vitest";
import { laterYearMass, splitYears, startYear, yearTokens } from "./years.ts";

/** Splits digits in twos, and every other character alone; " 1732" is one token. */
const pairs = {
  encode: (text: string) =>
    [...text.matchAll(/ ?1732| ?\d\d|./g)].map(([piece]) =>
      [...piece].reduce((n, c) => n * 200 + c.charCodeAt(0), 0),
    ),
};

test("splitYears leaves out a year of one token, and each century's first and last", () => {
  const years = splitYears(pairs);
  expect(years).toHaveLength(7 * 95 - 1);
  expect(years.filter(({ century }) => century === 17).map(({ year }) => year)).not.toContain(32);
  expect(years.filter(({ century }) => century === 11).map(({ year }) => year)).toEqual(
    Array.from({ length: 95 }, (_, i) => 3 + i),
  );
});

test("yearTokens names the digits that are no token", () => {
  expect(yearTokens(pairs)).toHaveLength(100);
  const single = { encode: (text: string) => [...text].map((c) => c.charCodeAt(0)) };
  expect(() => yearTokens(single)).toThrow('greater-than: "00" is not one token for this tokenizer.');
});

test.each([
  ["The war lasted from the year 1732 to 17", 32],
  ["The war lasted from the year 1105 to 11", 5],
  ["The war lasted from the year 1732 to 18", undefined],
  ["The war lasted", undefined],
])("startYear of %j is %s", (prompt, year) => {
  expect(startYear(prompt)).toBe(year);
});

describe("laterYearMass", () => {
  const tokens = Array.from({ length: 100 }, (_, year) => 99 - year);

  test("1 for later years, −1 for the year itself and earlier ones, their difference between", () => {
    const at = (...years: readonly (readonly [number, number])[]) => {
      const probabilities = new Float64Array(120);
      for (const [year, probability] of years) probabilities[99 - year] = probability;
      return laterYearMass(probabilities, tokens, 32);
    };
    expect(at([33, 1])).toBe(1);
    expect(at([32, 1])).toBe(-1);
    expect(at([0, 1])).toBe(-1);
    expect(at([99, 0.5], [32, 0.125], [31, 0.125])).toBe(0.25);
  });

  test("probabilities of another vocabulary are a bug", () => {
    expect(() => laterYearMass([1], tokens, 32)).toThrow(RangeError);
  });
});
