import { describe, expect, test } from "vitest";
import { randomTransformer } from "../../../test/support/random-transformer.ts";
import { estimateMemory, spillTraffic } from "./estimate-memory.ts";
import { largerOf, type MemorySizes, memorySizes, promptSizes } from "./memory-sizes.ts";
import { memoryNote, planMemory } from "./plan-memory.ts";

const prompts = (lengths: readonly number[], scored = 1) =>
  lengths.map((length) => ({ forced: Array.from({ length }, () => 0), scored }));

/** Round numbers, so that each term can be worked out by hand. */
const sizes: MemorySizes = {
  ...{ layers: 10, width: 1000, heads: 9, tokenElements: 20_000, vocabulary: 5000, constantRows: 2 },
  ...{ mlpReads: 500, headWidth: 98 },
  weights: {
    layer: 40_000_000,
    body: 400_000_000,
    unembedding: 20_000_000,
    unembeddingPart: 10_000_000,
    tables: 20_000_000,
  },
  prompts: {
    ...{ patching: 10_000, validation: 10_000, test: 5000, longest: 100, validationRows: 100, mostRows: 100 },
  },
};
const plain = { formats: false, judges: false, loadsCircuits: false, thresholds: 1 };
const whole = { spills: false, tokensAtOnce: 1000, logitRows: 512, ahead: false };

describe("the estimate, worked out by hand", () => {
  // 8 bytes × 2 rows × 10 layers × 1000 × (9 heads + 3)
  const replacements = 1_920_000;
  const base = 100e6 + 150e6 + replacements;
  // 4 bytes × 1000 tokens × (2 × (20,000 + 2 × 9 heads × 100 positions) + 4 × 1000)
  const batch = 190_400_000;
  // 4 bytes × 10,000 tokens × 1000
  const stream = 40_000_000;
  // 4 bytes × 3 × 100 rows × 5000 tokens of the vocabulary, half of it at once
  const scoring = 3_000_000;

  // 4 bytes × 9 heads × (98 + 2 rows) × (500 + 2 × 1000)
  const removed = 9_000_000;
  // 4 bytes × 10,000 tokens × 500
  const products = 20_000_000;

  test("with everything in memory", () => {
    const { steps, weights, rest, peak } = estimateMemory(sizes, whole, plain, 100e6);
    const byName = Object.fromEntries(steps.map(({ name, ...step }) => [name, step]));
    expect(byName["forward passes"]).toEqual({
      weights: 120_000_000,
      // Ten layers' streams of the validation set wait, and those of both sets before and after a layer are there.
      rest: base + batch + 10 * stream + 4 * stream,
    });
    expect(byName["scoring"]).toEqual({ weights: 40_000_000, rest: base + scoring + 10 * stream + stream });
    expect(byName["search"]).toEqual({
      weights: 20_000_000 + 160_000_000,
      rest: base + batch + scoring + 10 * stream + 6 * stream + 3 * products + removed,
    });
    // 2 × 4 bytes × 5000 × 100 rows of logits
    expect(byName["original"]).toEqual({
      weights: 120_000_000,
      rest: base + batch + 4 * stream + 4_000_000,
    });
    // Its tables; 4 bytes × 256 rows × 1000, and what is kept of two layers.
    expect(byName["circuit"]).toEqual({
      weights: 20_000_000,
      rest: base + 4_000_000 + 1_024_000 + 80_000_000,
    });
    expect(weights).toBe(180_000_000);
    expect(rest).toBe(base + batch + scoring + 16 * stream + 3 * products + removed);
    expect(peak).toBe(weights + rest);
  });

  test("with a spill, small batches and the next layer loaded ahead", () => {
    const small = { spills: true, tokensAtOnce: 100, logitRows: 10, ahead: true };
    const { weights, rest } = estimateMemory(sizes, small, { ...plain, judges: true, thresholds: 30 }, 0);
    expect(weights).toBe(2 * 20_000_000 + 200_000_000);
    expect(rest).toBe(150e6 + replacements + batch / 10 + scoring + 35 * stream + 32 * products + removed);
  });

  test("of what goes to the disk and back", () => {
    // Passes over 15,000 + 20,000 + 10,000 + 15,000 tokens, 11 streams each; a trial reads ten more.
    expect(spillTraffic(sizes)).toEqual({
      written: 4000 * 11 * 60_000,
      read: 4000 * 11 * 60_000 + 4000 * 10 * 10_000,
      size: 4000 * (11 * 10_000 + 2 * 10_000),
    });
  });
});

describe("a plan", () => {
  const plan = (bound: number) => planMemory(sizes, plain, { bound, held: 100e6 });

  test("keeps everything in memory where it fits", () => {
    const roomy = plan(3e9);
    expect(roomy).toMatchObject({ bound: 3e9, tokensAtOnce: 1024, logitRows: 512 });
    expect(roomy.spill).toBeUndefined();
    expect(roomy.planned).toBe(roomy.needed);
    expect(roomy.left).toBeGreaterThan(1.5e9);
    expect(memoryNote(roomy, sizes)).toMatch(/allowed\. Nothing goes to the disk\. The peak/);
  });

  test("spills first, and then cuts batches", () => {
    const { needed, least } = plan(3e9);
    // Beside the steps, there must be room for a third of the body.
    const spilling = plan(needed - 100e6);
    expect(spilling.left).toBeGreaterThan(133e6);
    expect(spilling.spill).toEqual(spillTraffic(sizes));
    expect(spilling.tokensAtOnce).toBe(1024);
    expect(memoryNote(spilling, sizes)).toMatch(
      /wait on the disk: about 520 MB at once, 2\.64 GB written and 3\.04 GB read\. The peak/,
    );
    const smallest = plan(least);
    expect(smallest).toMatchObject({ tokensAtOnce: 100, left: 0, planned: least });
    expect(memoryNote(smallest, sizes)).toContain("Batches are cut to 100 tokens.");
    for (const { planned, bound, weights } of [spilling, smallest]) {
      expect(planned).toBeLessThanOrEqual(bound);
      expect(weights).toBeGreaterThanOrEqual(180_000_000);
    }
  });

  test("is refused with both numbers and the least bound that would do", () => {
    const { needed, least } = plan(3e9);
    expect(needed).toBeGreaterThan(1e9);
    const up = `${Math.ceil(least / 1e6)} MB`;
    const whole = `${Number((needed / 1e9).toFixed(2))} GB`;
    expect(() => plan(500e6)).toThrow(
      `memory": 500 MB are too little: this run takes about ${whole}, and with streams on the disk and small batches still ${up}. Give at least ${up}`,
    );
    expect(() => plan(least - 1)).toThrow("too little");
    expect(plan(Math.ceil(least / 1e6) * 1e6).bound).toBeGreaterThanOrEqual(least);
  });
});

describe("sizes", () => {
  test("of a model", () => {
    const model = randomTransformer({
      layers: 2,
      heads: 3,
      width: 12,
      headWidth: 2,
      hidden: 5,
      vocabulary: 31,
      context: 12,
    });
    const found = memorySizes(model, promptSizes({ patching: [], validation: [], test: [] }), 1);
    expect(found).toMatchObject({ layers: 2, width: 12, heads: 3, vocabulary: 31, constantRows: 1 });
    // 6 streams of 12, twice three projections of 3 × 2, twice 5 hidden.
    expect(found.tokenElements).toBe(6 * 12 + 2 * 18 + 2 * 5);
    expect(found).toMatchObject({ mlpReads: 5, headWidth: 2 });
    // Attention 4 × 12 × 6, MLP 2 × 12 × 5.
    expect(found.weights.body).toBe(4 * 2 * (288 + 120));
    expect(found.weights.unembedding).toBe(4 * 31 * 12);
    expect(found.weights.unembeddingPart).toBe(4 * 31 * 12);
    // Tied, with twelve positions.
    expect(found.weights.tables).toBe(4 * (31 + 12) * 12);
    expect(found.weights.layer).toBeGreaterThanOrEqual(4 * 408);
  });

  test("of prompts, and the larger of two tasks", () => {
    const one = promptSizes({
      patching: prompts([3, 4]),
      validation: prompts([5, 2], 2),
      test: prompts([1]),
    });
    expect(one).toEqual({
      ...{ patching: 7, validation: 7, test: 1, longest: 5, validationRows: 4, mostRows: 4 },
    });
    const other = promptSizes({ patching: prompts([9]), validation: prompts([1]), test: prompts([2, 2, 2]) });
    expect(largerOf(one, other)).toEqual({
      ...{ patching: 9, validation: 7, test: 6, longest: 9, validationRows: 4, mostRows: 4 },
    });
  });
});
