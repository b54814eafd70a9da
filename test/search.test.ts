/**
 * The search against Algorithm 1 done naively in float64 (test/support/naive-transformer.ts), on random tiny
 * models: shortcuts change no decision.
 */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";

import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { naive, naiveReplacements, naiveSearch } from "./support/naive-transformer.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";
import { found } from "./support/run-model.ts";
import { runSearch } from "./support/run-search.ts";

const runtime = inlineRuntime({ threads: 1 });
afterAll(() => runtime.close());

/** DESIGN, section 8, invariant 3. */
const tolerance = 1e-4;

describe("the search is Algorithm 1", () => {
  const shape = fc.record({
    layers: fc.integer({ min: 2, max: 3 }),
    heads: fc.constantFrom(1, 2, 3, 5),
    headWidth: fc.integer({ min: 1, max: 4 }),
    width: fc.integer({ min: 3, max: 8 }),
    hidden: fc.integer({ min: 1, max: 9 }),
    vocabulary: fc.integer({ min: 2, max: 20 }),
    seed: fc.nat(10_000),
    tied: fc.boolean(),
  });
  const settings = fc.record({
    ablation: fc.constantFrom("aligned", "pooled", "zero"),
    order: fc.constantFrom("published", "downstream"),
    mlps: fc.boolean(),
    // From "keep nearly everything" to "prune nearly everything".
    alpha: fc.integer({ min: -12, max: 3 }).map((power) => 2 ** power),
  });
  const lengths = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 });

  test("on random models, with prompts of mixed lengths where means allow it", async () => {
    let decisions = 0;
    let pruned = 0;
    await fc.assert(
      fc.asyncProperty(
        shape,
        settings,
        lengths,
        lengths,
        async (options, choice, patchingLengths, itsLengths) => {
          const model = randomTransformer(options);
          const even = (list: readonly number[]) => list.map(() => found(itsLengths[0]));
          const aligned = choice.ablation === "aligned";
          const patching = randomPrompts(
            aligned ? even(patchingLengths) : patchingLengths,
            options.vocabulary,
            3,
          );
          const validation = randomPrompts(aligned ? even(itsLengths) : itsLengths, options.vocabulary, 4);

          const plain = await naive(model);
          const reference = naiveSearch(
            plain,
            validation,
            naiveReplacements(plain, patching, choice.ablation),
            choice,
          );
          // Where float64 itself stands on the edge, float32 may fall to either side.
          fc.pre(reference.trace.every(({ delta }) => Math.abs(delta - choice.alpha) > 2 * tolerance));

          const result = await runSearch(runtime, model, { ...choice, patching, validation });
          expect(result.circuit).toEqual(reference.circuit);
          expect(result.trace.length).toBe(reference.trace.length);
          for (const [step, expected] of reference.trace.entries()) {
            const decision = found(result.trace[step]);
            expect(decision).toMatchObject({
              layer: expected.layer,
              component: expected.component,
              pruned: expected.pruned,
            });
            expect(Math.abs(decision.kl - expected.kl)).toBeLessThan(tolerance);
            expect(Math.abs(decision.delta - expected.delta)).toBeLessThan(tolerance);
            decisions++;
            pruned += Number(expected.pruned);
          }
          expect(Math.abs(result.kl - reference.kl)).toBeLessThan(tolerance);
        },
      ),
      { numRuns: 100 },
    );
    // The draw was not one-sided.
    expect(pruned / decisions).toBeGreaterThan(0.15);
    expect(pruned / decisions).toBeLessThan(0.85);
  }, 60_000);
});
