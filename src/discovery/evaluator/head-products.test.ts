/**
 * Candidates whose MLP is computed from products of the stream are decided as those whose MLP reads the stream itself;
 * `search.test.ts` and the goldens hold either against float64.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { countingRuntime } from "../../../test/support/counting-runtime.ts";
import { goldenPrompts, loadNano } from "../../../test/support/export-circuit.ts";
import { modelShapes, powersOfTwo, promptLengths, searchRules } from "../../../test/support/random-cases.ts";
import { randomPrompts, randomTransformer } from "../../../test/support/random-transformer.ts";
import { found } from "../../../test/support/run-model.ts";
import { makeReplacements } from "../../../test/support/run-search.ts";
import { inlineRuntime } from "../../runtime/node-runtime.ts";
import { searchInPasses } from "../searches/greedy/passes.ts";
import { createEvaluator, type EvaluatorOptions } from "./evaluator.ts";

const inline = inlineRuntime({ threads: 1 });

async function run(
  model: Parameters<typeof createEvaluator>[1],
  validation: readonly (readonly number[])[],
  replacements: Parameters<typeof createEvaluator>[3],
  options: EvaluatorOptions,
  rule: Parameters<typeof searchInPasses>[2],
) {
  const runtime = countingRuntime(inline);
  const evaluator = await createEvaluator(runtime, model, validation, replacements, options);
  const before = inline.counters.flops;
  const result = await searchInPasses(evaluator, model, rule);
  const flops = inline.counters.flops - before;
  await evaluator.close();
  expect(runtime.held()).toEqual({ tensors: 0, sessions: 0 });
  return { ...result, flops };
}

test("random models: the same decisions, the same KL, nothing held", async () => {
  const tolerance = 1e-5;
  await fc.assert(
    fc.asyncProperty(
      modelShapes({ layers: { min: 1, max: 3 }, heads: [1, 2, 6, 11] }),
      fc.record({
        ...searchRules,
        alpha: powersOfTwo(-8, 1),
        passes: fc.constantFrom(1, 2),
        two: fc.boolean(),
      }),
      promptLengths(5, 2),
      fc.nat(40),
      async (shape, { ablation, two, ...rule }, itsLengths, resumed) => {
        const model = randomTransformer(shape);
        const even = ablation === "aligned" ? itsLengths.map(() => found(itsLengths[0])) : itsLengths;
        const validation = randomPrompts(even, shape.vocabulary, 4);
        const patching = randomPrompts(even, shape.vocabulary, 3);
        const replacements = await makeReplacements(inline, model, ablation, patching);
        const common = { tokensPerBatch: 12, ...(two && { scored: even.map(() => 2) }) };
        const direct = await run(model, validation, replacements, { ...common, products: "never" }, rule);
        fc.pre(direct.trace.every(({ delta }) => Math.abs(delta - rule.alpha) > 2 * tolerance));
        const resume = direct.trace.slice(0, resumed);
        const updated = await run(
          model,
          validation,
          replacements,
          { ...common, products: "always" },
          { ...rule, resume },
        );
        expect(updated.circuit).toEqual(direct.circuit);
        expect(updated.trace).toHaveLength(direct.trace.length);
        for (const [step, { kl, delta, ...decision }] of updated.trace.entries()) {
          const { kl: expected, delta: _, ...same } = found(direct.trace[step]);
          expect(decision).toEqual(same);
          expect(Math.abs(kl - expected)).toBeLessThan(tolerance);
        }
      },
    ),
    { numRuns: 30 },
  );
});

test("nano, ioi: fewer operations", async () => {
  const model = await loadNano();
  const prompts = async (split: "patching" | "validation") =>
    (await goldenPrompts("ioi", split)).slice(0, 40);
  const replacements = await makeReplacements(inline, model, "aligned", await prompts("patching"));
  const rule = { alpha: 0.02, mlps: true, order: "published", passes: 1 } as const;
  const validation = await prompts("validation");
  const direct = await run(model, validation, replacements, { products: "never" }, rule);
  const updated = await run(model, validation, replacements, { products: "always" }, rule);
  expect(updated.circuit).toEqual(direct.circuit);
  expect(updated.flops).toBeLessThan(0.98 * direct.flops);
});
