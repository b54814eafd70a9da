import fc from "fast-check";
import { expect, test } from "vitest";
import { makeBatches } from "./batch.ts";

const prompts = fc
  .array(fc.integer({ min: 1, max: 9 }), { maxLength: 60 })
  .map((lengths) => lengths.map((length, index) => Array.from({ length }, (_, at) => index * 10 + at)));

test("every prompt once, one length a batch, no batch longer than asked unless by one prompt", () => {
  fc.assert(
    fc.property(prompts, fc.integer({ min: 1, max: 80 }), (set, tokensPerBatch) => {
      const batches = makeBatches(set, tokensPerBatch);
      const members = batches.flatMap((batch) => batch.members);
      expect([...members].sort((a, b) => a - b)).toEqual([...set.keys()]);
      for (const { members: own, length, ids } of batches) {
        expect(own.length).toBeGreaterThan(0);
        expect(ids).toEqual(own.map((index) => set[index]));
        expect(ids.every((each) => each.length === length)).toBe(true);
        expect([...own].sort((a, b) => a - b)).toEqual(own);
        expect(own.length === 1 || (own.length - 1) * length < tokensPerBatch).toBe(true);
      }
    }),
  );
});

test("parts of nearly equal size", () => {
  // 150 prompts of 15 tokens at 1024 a batch: three parts.
  const set = Array.from({ length: 150 }, () => Array.from({ length: 15 }, () => 0));
  expect(makeBatches(set, 1024).map(({ members }) => members.length)).toEqual([50, 50, 50]);
  expect(makeBatches([], 1024)).toEqual([]);
});

test("as many batches as the lengths need, not one more", () => {
  fc.assert(
    fc.property(prompts, fc.integer({ min: 9, max: 80 }), (set, tokensPerBatch) => {
      const counts = new Map<number, number>();
      for (const { length } of set) counts.set(length, (counts.get(length) ?? 0) + 1);
      const least = [...counts].map(([length, count]) => Math.ceil((length * count) / tokensPerBatch));
      expect(makeBatches(set, tokensPerBatch).length).toBeLessThanOrEqual(least.reduce((a, b) => a + b, 0));
    }),
  );
});
