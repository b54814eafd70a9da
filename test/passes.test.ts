/**
 * Later passes against the patched model, which shares no code with them: at every step the KL is the one of
 * the original's weights with gates; more passes never keep more; and an interruption in any pass changes nothing.
 */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { createEvaluator } from "../src/discovery/evaluator/evaluator.ts";
import type { Replacements } from "../src/discovery/replacements.ts";
import type { Decision, SearchResult } from "../src/discovery/searches/decision.ts";
import { type PassesOptions, searchInPasses } from "../src/discovery/searches/greedy/passes.ts";
import { circuitOfTrace, search } from "../src/discovery/searches/greedy/search.ts";
import { klDivergence } from "../src/measure/distribution.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { type Circuit, countComponents, listsOf, wholeCircuit } from "../src/transformer/circuit.ts";
import { shapeOf } from "../src/transformer/component.ts";
import type { Transformer } from "../src/transformer/transformer.ts";
import { countingRuntime } from "./support/counting-runtime.ts";
import { goldenPrompts, loadNano } from "./support/export-circuit.ts";
import { modelShapes, powersOfTwo, promptLengths, searchRules } from "./support/random-cases.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";
import { found, originalLogits, patchedLogits } from "./support/run-model.ts";
import { makeReplacements, type Prompts } from "./support/run-search.ts";

const inline = inlineRuntime({ threads: 1 });
const runtime = countingRuntime(inline);
afterAll(() => inline.close());

interface Setting {
  readonly model: Transformer;
  readonly validation: Prompts;
  readonly replacements: Replacements;
  readonly tokensPerBatch?: number;
}

async function inPasses(
  { model, validation, replacements, tokensPerBatch }: Setting,
  options: PassesOptions,
): Promise<SearchResult> {
  const evaluator = await createEvaluator(runtime, model, validation, replacements, { tokensPerBatch });
  try {
    return await searchInPasses(evaluator, model, options);
  } finally {
    await evaluator.close();
  }
}

async function patchedKl({ model, validation, replacements }: Setting, circuit: Circuit): Promise<number> {
  const original = await originalLogits(inline, model, validation);
  const patched = await patchedLogits(inline, model, circuit, replacements, validation);
  const each = original.map((row, prompt) => klDivergence(row, found(patched[prompt])));
  return each.reduce((sum, value) => sum + value, 0) / each.length;
}

const nothing = { tensors: 0, sessions: 0 };

/** Every KL of a trace against the patched model. */
async function checkTrace(setting: Setting, trace: readonly Decision[], from: number): Promise<void> {
  for (const [step, decision] of trace.entries()) {
    if (step < from) continue;
    const tried = [...trace.slice(0, step), { ...decision, pruned: true }];
    const expected = await patchedKl(setting, circuitOfTrace(setting.model, tried));
    expect(Math.abs(decision.kl - expected)).toBeLessThan(1e-4);
  }
}

describe("on random models", () => {
  const shape = modelShapes({ layers: { min: 1, max: 4 }, heads: [1, 2, 3] });
  const settings = fc.record({
    ...searchRules,
    tokensPerBatch: fc.constantFrom(4, 1024),
    alpha: powersOfTwo(-8, 1),
  });
  const lengths = promptLengths(4);

  // Drawn cases may all end with their first pass; these don't.
  const sizes = { headWidth: 5, width: 12, hidden: 20, vocabulary: 31, seed: 1 };
  const model = { ...sizes, layers: 3, heads: 3 } as const;
  const choice = { order: "published", mlps: true, tokensPerBatch: 1024 } as const;
  const lasting = (["aligned", "pooled", "zero"] as const).flatMap((ablation) =>
    [0.3, 0.4].map(
      (alpha): [typeof model, typeof choice & { ablation: typeof ablation; alpha: number }, number[]] => [
        model,
        { ...choice, ablation, alpha },
        [5, 3, 5, 2],
      ],
    ),
  );

  test("every KL of a later pass is the patched model's; more passes never keep more", async () => {
    let [later, pruned] = [0, 0];
    await fc.assert(
      fc.asyncProperty(shape, settings, lengths, async (options, choice, itsLengths) => {
        const { ablation, tokensPerBatch, ...rule } = choice;
        const model = randomTransformer(options);
        const even = ablation === "aligned" ? itsLengths.map(() => found(itsLengths[0])) : itsLengths;
        const validation = randomPrompts(even, options.vocabulary, 4);
        const patching = randomPrompts(even, options.vocabulary, 3);
        const replacements = await makeReplacements(inline, model, ablation, patching);
        const setting: Setting = { model, validation, replacements, tokensPerBatch };

        const one = await inPasses(setting, { ...rule, passes: 1 });
        const many = await inPasses(setting, { ...rule, passes: 4 });
        expect(runtime.held()).toEqual(nothing);
        expect(many.trace.slice(0, one.trace.length)).toEqual(one.trace);
        expect(countComponents(many.circuit)).toBeLessThanOrEqual(countComponents(one.circuit));
        expect(many.circuit).toEqual(circuitOfTrace(model, many.trace));
        await checkTrace(setting, many.trace, one.trace.length);

        const passes = many.trace.map(({ pass }) => pass ?? 1);
        const last = many.trace.filter((_, step) => passes[step] === passes.at(-1));
        const fourth = passes.at(-1) === 4;
        // It ends where nothing went, or nothing is left to try.
        if (!fourth && last.some((each) => each.pruned)) {
          const { heads, mlps } = listsOf(many.circuit);
          expect(heads).toEqual([]);
          if (rule.mlps) expect(mlps).toEqual([]);
        }
        if (many.trace.length > one.trace.length) later++;
        if (countComponents(many.circuit) < countComponents(one.circuit)) pruned++;
      }),
      { numRuns: 30, examples: lasting },
    );
    // The cases exercised what they are about.
    expect(later).toBeGreaterThanOrEqual(lasting.length);
    expect(pruned).toBeGreaterThanOrEqual(lasting.length / 2);
  });

  test("a pass that starts from the original is the first pass; one after nothing can go changes nothing", async () => {
    const model = randomTransformer({ layers: 3, heads: 3 });
    const prompts = (seed: number) => randomPrompts([3, 5, 5, 9, 2], model.vocabularySize, seed);
    const replacements = await makeReplacements(inline, model, "pooled", prompts(1));
    const setting: Setting = { model, validation: prompts(2), replacements };
    const rule = { alpha: 0.1, mlps: true, order: "published" } as const;

    const evaluator = await createEvaluator(runtime, model, setting.validation, replacements);
    const first = await search(evaluator, model, rule);
    await evaluator.restart(wholeCircuit(shapeOf(model)));
    expect(await search(evaluator, model, rule)).toEqual(first);

    await evaluator.restart(first.circuit);
    const start = { circuit: first.circuit, kl: first.kl, pass: 2 };
    const strict = await search(evaluator, model, { ...rule, alpha: -10 }, start);
    expect(strict).toMatchObject({ circuit: first.circuit, kl: first.kl });
    expect(strict.trace).toHaveLength(countComponents(first.circuit));
    expect(strict.trace.every(({ pass, pruned }) => pass === 2 && !pruned)).toBe(true);
    await evaluator.close();
    expect(runtime.held()).toEqual(nothing);
  });

  test("resumed from anywhere in any pass, it is the same to the last bit", async () => {
    const model = randomTransformer({ layers: 3, heads: 3 });
    const prompts = (seed: number) => randomPrompts([3, 5, 5, 9, 2], model.vocabularySize, seed);
    const replacements = await makeReplacements(inline, model, "pooled", prompts(1));
    const setting: Setting = { model, validation: prompts(2), replacements };
    const rule = { alpha: 0.3, mlps: true, order: "published", passes: 5 } as const;
    const whole = await inPasses(setting, rule);
    const passes = new Set(whole.trace.map(({ pass }) => pass));
    expect(passes.size).toBeGreaterThan(1);
    for (let done = 0; done <= whole.trace.length; done++) {
      const told: Decision[] = [];
      const resume: readonly Decision[] = JSON.parse(JSON.stringify(whole.trace.slice(0, done)));
      const onDecision = (decision: Decision) => void told.push(decision);
      expect(await inPasses(setting, { ...rule, resume, onDecision })).toEqual(whole);
      expect(told).toEqual(whole.trace.slice(done));
    }
  });
});

test("nano: a second pass with and without MLPs, against the patched model", async () => {
  const model = await loadNano();
  const patching = (await goldenPrompts("ioi", "patching")).slice(0, 12);
  const validation = (await goldenPrompts("ioi", "validation")).slice(0, 12);
  const replacements = await makeReplacements(inline, model, "aligned", patching);
  const setting: Setting = { model, validation, replacements };
  const rule = { alpha: 0.05, order: "published", passes: 2 } as const;
  const { trace } = await inPasses(setting, { ...rule, mlps: true });
  const from = trace.findIndex(({ pass }) => pass === 2);
  expect(from).toBe(42);
  await checkTrace(setting, trace, from);
});
