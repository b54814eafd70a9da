import fc from "fast-check";
import { expect, test } from "vitest";
import { klDivergence, largestDifference, logProbabilities, mostLikely } from "./distribution.ts";

const row = (...values: readonly number[]) => Float32Array.from(values);
/** Logits whose probabilities are these, up to float32. */
const logits = (...chances: readonly number[]) => row(...chances.map(Math.log));

test("log-probabilities: the same for shifted logits, also far ones", () => {
  for (const shift of [0, -100, 1000]) {
    // Powers of two, so that float32 holds the shifted logits exactly.
    const [a = 0, b = 0] = logProbabilities(row(shift + 2, shift + 2));
    expect(a).toBeCloseTo(-Math.LN2, 12);
    expect(b).toBeCloseTo(-Math.LN2, 12);
  }
  const [first = 0, second = 0] = logProbabilities(row(0, -200));
  expect(first).toBeCloseTo(0, 12);
  expect(second).toBeCloseTo(-200, 12);
});

test("KL by hand", () => {
  // ½ ln(½ / ¼) + ½ ln(½ / ¾)
  expect(klDivergence(logits(1, 1), logits(1, 3))).toBeCloseTo(0.5 * Math.log(4 / 3), 6);
  // ¼ ln(¼ / ½) + ¾ ln(¾ / ½): not the same the other way round.
  expect(klDivergence(logits(1, 3), logits(1, 1))).toBeCloseTo(0.75 * Math.log(3) - Math.LN2, 6);
});

test("KL is never below zero, and zero of equal distributions", () => {
  const number = fc.float({ min: -30, max: 30, noNaN: true });
  const pair = fc.integer({ min: 1, max: 8 }).chain((length) => {
    const one = fc.array(number, { minLength: length, maxLength: length });
    return fc.tuple(one, one);
  });
  fc.assert(
    fc.property(pair, ([p, q]) => {
      expect(klDivergence(row(...p), row(...q))).toBeGreaterThan(-1e-12);
      expect(klDivergence(row(...p), row(...p))).toBe(0);
    }),
  );
});

test("the most likely entry is the first of equal ones", () => {
  expect(mostLikely(row(1, 3, 3, 2))).toBe(1);
  expect(mostLikely(row(-5, -4))).toBe(1);
});

test("the largest difference; NaN does not pass for agreement", () => {
  expect(largestDifference(row(1, 2, 3), row(1, 4.5, 2))).toBe(2.5);
  for (const at of [0, 1, 2]) {
    const broken = row(1, 2, 3);
    broken[at] = Number.NaN;
    expect(largestDifference(broken, row(1, 2, 3))).toBeNaN();
  }
  expect(() => largestDifference(row(1), row(1, 2))).toThrow(/1 and 2/);
});
