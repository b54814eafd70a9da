/**
 * Candidates that are evaluated together, as a graphics card needs it, are decided as they are one after another.
 * On the processor, where both ways run.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createEvaluator } from "../src/discovery/evaluator/evaluator.ts";
import { type SearchOptions, search } from "../src/discovery/searches/greedy/search.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import type { Transformer } from "../src/transformer/transformer.ts";
import { countingRuntime } from "./support/counting-runtime.ts";
import { goldenPrompts, loadNano } from "./support/export-circuit.ts";
import { modelShapes, powersOfTwo, promptLengths, searchRules } from "./support/random-cases.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";
import { found } from "./support/run-model.ts";
import { makeReplacements, type Prompts } from "./support/run-search.ts";

const inline = inlineRuntime({ threads: 1 });
const runtime = countingRuntime(inline);

interface Together {
  /** 0: one after another. */
  readonly tokensTogether: number;
  readonly tokensPerBatch?: number;
}

async function run(
  model: Transformer,
  validation: Prompts,
  replacements: Awaited<ReturnType<typeof makeReplacements>>,
  { tokensTogether, tokensPerBatch }: Together,
  options: SearchOptions,
  scored?: readonly number[],
) {
  const evaluator = await createEvaluator(runtime, model, validation, replacements, {
    tokensTogether,
    tokensPerBatch,
    scored,
  });
  const before = inline.counters.runs;
  const result = await search(evaluator, model, options);
  const runs = inline.counters.runs - before;
  await evaluator.close();
  expect(runtime.held()).toEqual({ tensors: 0, sessions: 0 });
  return { ...result, runs };
}

describe("on random models", () => {
  const shape = modelShapes({ layers: { min: 1, max: 3 }, heads: [1, 2, 5] });
  const settings = fc.record({
    ...searchRules,
    // So few that not all choices fit at once, and enough for all.
    tokensTogether: fc.constantFrom(1, 30, 10_000),
    alpha: powersOfTwo(-8, 1),
    /** Whether answers have two tokens, so that all positions are computed. */
    two: fc.boolean(),
  });
  const lengths = promptLengths(5, 2);
  const tolerance = 1e-5;
  const tokensPerBatch = 12;

  test("the same decisions, the same KL", async () => {
    await fc.assert(
      fc.asyncProperty(shape, settings, lengths, async (options, choice, itsLengths) => {
        const { ablation, tokensTogether, two, ...rule } = choice;
        const model = randomTransformer(options);
        const even = ablation === "aligned" ? itsLengths.map(() => found(itsLengths[0])) : itsLengths;
        const validation = randomPrompts(even, options.vocabulary, 4);
        const patching = randomPrompts(even, options.vocabulary, 3);
        const replacements = await makeReplacements(inline, model, ablation, patching);
        const scored = two ? even.map(() => 2) : undefined;
        const alone = await run(
          model,
          validation,
          replacements,
          { tokensTogether: 0, tokensPerBatch },
          rule,
          scored,
        );
        fc.pre(alone.trace.every(({ delta }) => Math.abs(delta - rule.alpha) > 2 * tolerance));
        const together = await run(
          model,
          validation,
          replacements,
          { tokensTogether, tokensPerBatch },
          rule,
          scored,
        );
        expect(together.circuit).toEqual(alone.circuit);
        expect(together.trace).toHaveLength(alone.trace.length);
        for (const [step, { kl, delta, ...decision }] of together.trace.entries()) {
          const { kl: klAlone, delta: _, ...expected } = found(alone.trace[step]);
          expect(decision).toEqual(expected);
          expect(Math.abs(kl - klAlone)).toBeLessThan(tolerance);
        }
      }),
      { numRuns: 60 },
    );
  });
});

// The fewer components stay, the longer are the paths that turn out as expected.
test.each([
  { task: "ioi", share: 0.6 },
  { task: "greater-than", share: 0.4 },
] as const)("nano, $task: computations are fewer, and resumed it decides alike", async ({ task, share }) => {
  const model = await loadNano();
  const prompts = async (split: "patching" | "validation") => (await goldenPrompts(task, split)).slice(0, 12);
  const replacements = await makeReplacements(inline, model, "aligned", await prompts("patching"));
  const validation = await prompts("validation");
  const rule = { alpha: 0.02, mlps: true, order: "published" } as const;
  const alone = await run(model, validation, replacements, { tokensTogether: 0 }, rule);
  const together = await run(model, validation, replacements, { tokensTogether: 16_384 }, rule);
  expect(together.circuit).toEqual(alone.circuit);
  expect(together.runs).toBeLessThan(share * alone.runs);

  const resume = together.trace.slice(0, 9);
  const resumed = await run(model, validation, replacements, { tokensTogether: 16_384 }, { ...rule, resume });
  expect(resumed.circuit).toEqual(alone.circuit);
  for (const [step, { kl }] of resumed.trace.entries()) {
    expect(Math.abs(kl - found(alone.trace[step]).kl)).toBeLessThan(1e-5);
  }
});
