/** Generators for property tests of searches: tiny models, rules, and lengths of prompts. */
import fc from "fast-check";
import type { RandomTransformerOptions } from "./random-transformer.ts";

interface ModelBounds {
  readonly layers: { readonly min: number; readonly max: number };
  readonly heads: readonly number[];
}

/** Widths are always drawn, because prompts are made for the vocabulary. */
type ModelCase = RandomTransformerOptions & {
  readonly layers: number;
  readonly heads: number;
  readonly hidden: number;
  readonly vocabulary: number;
};

/**
 * Models for `randomTransformer`. Their widths have no common divisors, so that mixing up two widths is noticed;
 * they vary in everything in which families differ.
 */
export const modelShapes = ({ layers, heads }: ModelBounds) =>
  fc
    .record({
      layers: fc.integer(layers),
      heads: fc.constantFrom(...heads),
      groups: fc.constantFrom("of one", "of all"),
      headWidth: fc.integer({ min: 1, max: 4 }),
      width: fc.integer({ min: 3, max: 8 }),
      hidden: fc.integer({ min: 1, max: 9 }),
      vocabulary: fc.integer({ min: 2, max: 20 }),
      seed: fc.nat(10_000),
      tied: fc.boolean(),
      norm: fc.constantFrom("layer", "rms"),
      biases: fc.boolean(),
      activation: fc.constantFrom("gelu-tanh", "gelu", "relu", "silu"),
      gated: fc.boolean(),
      positions: fc.constantFrom("learned", "halves", "interleaved"),
      projectionNorms: fc.constantFrom(undefined, "shared", "own", "joint"),
      transposed: fc.boolean(),
      window: fc.constantFrom(undefined, 1, 2, 4),
      scoreCap: fc.constantFrom(undefined, undefined, 2),
      arrangement: fc.constantFrom("sequential", "sequential", "parallel"),
      postNorms: fc.constantFrom(false, false, true),
      logitCap: fc.constantFrom(undefined, undefined, 3),
    } as const)
    .map(
      ({ groups, window, scoreCap, logitCap, ...shape }): ModelCase => ({
        ...shape,
        keyValueHeads: groups === "of all" ? 1 : shape.heads,
        ...(window !== undefined && { window }),
        ...(scoreCap !== undefined && { scoreCap }),
        ...(logitCap !== undefined && { logitCap }),
      }),
    );

/** The rule of a search, without its threshold. */
export const searchRules = {
  ablation: fc.constantFrom("aligned", "pooled", "apart", "zero"),
  order: fc.constantFrom("published", "downstream"),
  mlps: fc.boolean(),
} as const;

/** 2^min … 2^max. */
export const powersOfTwo = (min: number, max: number) => fc.integer({ min, max }).map((power) => 2 ** power);

/** How many tokens each prompt has. */
export const promptLengths = (most: number, min = 1) =>
  fc.array(fc.integer({ min, max: 6 }), { minLength: 1, maxLength: most });
