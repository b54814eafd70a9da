/** An early exit decides as a search that tries every prompt, and says which of its KLs are lower bounds. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { countingRuntime } from "../../../../test/support/counting-runtime.ts";
import {
  modelShapes,
  powersOfTwo,
  promptLengths,
  searchRules,
} from "../../../../test/support/random-cases.ts";
import { randomPrompts, randomTransformer } from "../../../../test/support/random-transformer.ts";
import { found } from "../../../../test/support/run-model.ts";
import { makeReplacements } from "../../../../test/support/run-search.ts";
import { inlineRuntime } from "../../../runtime/node-runtime.ts";
import { createEvaluator } from "../../evaluator/evaluator.ts";
import { faultInDecisions } from "./check-decisions.ts";
import { isKeptFrom, leastMean } from "./early-exit.ts";
import { type PassesOptions, searchInPasses } from "./passes.ts";

const none = Number.NaN;

test("the least mean: untried prompts count as 0, and may be rounded below it", () => {
  const found = { kl: Float64Array.of(0.4, none, none, 0.2), known: [3, 0] };
  const { kl, slack } = leastMean(found, undefined);
  expect(kl).toBeCloseTo(0.15, 12);
  expect(slack).toBeCloseTo(1e-5 + 0.5e-3, 12);
  // Prompts that count 3, 0, 4 and 1 times: (3 · 0.4 + 0.2) / 8, and half of the weight is untried.
  const weighted = leastMean(found, [3, 0, 4, 1]);
  expect(weighted.kl).toBeCloseTo(0.175, 12);
  expect(weighted.slack).toBeCloseTo(1e-5 + 0.5e-3, 12);
});

test.each([
  { name: "beyond α by more than the slack", kl: 0.1312, alpha: 0.03, maxKl: undefined, kept: true },
  { name: "beyond α by less", kl: 0.1308, alpha: 0.03, maxKl: undefined, kept: false },
  { name: "above the bound on KL", kl: 0.102, alpha: 0.03, maxKl: 0.1, kept: true },
  { name: "below both", kl: 0.102, alpha: 0.03, maxKl: 0.11, kept: false },
  { name: "not a number", kl: none, alpha: 0.03, maxKl: 0.1, kept: false },
])("kept for certain: $name", ({ kl, alpha, maxKl, kept }) => {
  expect(isKeptFrom({ kl, slack: 1e-3 }, 0.1, alpha, maxKl)).toBe(kept);
});

test("random models: the same circuit and decisions, bounds that hold, resumed alike", async () => {
  const inline = inlineRuntime({ threads: 1 });
  const runtime = countingRuntime(inline);
  const tolerance = 1e-5;
  await fc.assert(
    fc.asyncProperty(
      modelShapes({ layers: { min: 1, max: 3 }, heads: [1, 2, 5] }),
      fc.record({
        ...searchRules,
        alpha: powersOfTwo(-8, -1),
        passes: fc.constantFrom(1, 2),
        two: fc.boolean(),
      }),
      promptLengths(6, 2),
      fc.nat(40),
      async (shape, { ablation, two, ...rule }, itsLengths, resumed) => {
        const model = randomTransformer(shape);
        const even = ablation === "aligned" ? itsLengths.map(() => found(itsLengths[0])) : itsLengths;
        const replacements = await makeReplacements(
          inline,
          model,
          ablation,
          randomPrompts(even, shape.vocabulary, 3),
        );
        const run = async (options: Partial<PassesOptions>) => {
          const evaluator = await createEvaluator(
            runtime,
            model,
            randomPrompts(even, shape.vocabulary, 4),
            replacements,
            { tokensPerBatch: 5, ...(two && { scored: even.map(() => 2) }) },
          );
          const result = await searchInPasses(evaluator, model, { ...rule, ...options });
          await evaluator.close();
          expect(runtime.held()).toEqual({ tensors: 0, sessions: 0 });
          return result;
        };
        const whole = await run({});
        fc.pre(whole.trace.every(({ delta }) => Math.abs(delta - rule.alpha) > 2 * tolerance));
        const sooner = await run({ earlyExit: true });
        const again = await run({ earlyExit: true, resume: sooner.trace.slice(0, resumed) });
        for (const result of [sooner, again]) {
          expect(result.circuit).toEqual(whole.circuit);
          expect(faultInDecisions(model, { ...rule, earlyExit: true }, result.trace)).toBeUndefined();
          expect(result.trace).toHaveLength(whole.trace.length);
          for (const [step, { kl, delta, atLeast, ...decision }] of result.trace.entries()) {
            const { kl: exact, delta: _, ...same } = found(whole.trace[step]);
            expect(decision).toEqual(same);
            expect(kl).toBeLessThan(exact + tolerance);
            if (atLeast === undefined) expect(kl).toBeGreaterThan(exact - tolerance);
          }
        }
      },
    ),
    { numRuns: 30 },
  );
});
