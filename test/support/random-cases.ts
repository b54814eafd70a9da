/** What properties of searches are drawn from: tiny models, rules, and prompts' lengths. */
import fc from "fast-check";

interface ModelBounds {
  readonly layers: { readonly min: number; readonly max: number };
  readonly heads: readonly number[];
}

/** Shapes for `randomTransformer`; widths that divide nothing, so that no two are taken for each other. */
export const modelShapes = ({ layers, heads }: ModelBounds) =>
  fc.record({
    layers: fc.integer(layers),
    heads: fc.constantFrom(...heads),
    headWidth: fc.integer({ min: 1, max: 4 }),
    width: fc.integer({ min: 3, max: 8 }),
    hidden: fc.integer({ min: 1, max: 9 }),
    vocabulary: fc.integer({ min: 2, max: 20 }),
    seed: fc.nat(10_000),
  });

/** A search's rule but its threshold. */
export const searchRules = {
  ablation: fc.constantFrom("aligned", "pooled", "zero"),
  order: fc.constantFrom("published", "downstream"),
  mlps: fc.boolean(),
} as const;

/** 2^min … 2^max. */
export const powersOfTwo = (min: number, max: number) => fc.integer({ min, max }).map((power) => 2 ** power);

/** How many tokens each prompt has. */
export const promptLengths = (most: number, min = 1) =>
  fc.array(fc.integer({ min, max: 6 }), { minLength: 1, maxLength: most });
