/**
 * The search against Algorithm 1 done naively in float64 (test/support/naive-transformer.ts), on random tiny
 * models: shortcuts change no decision. And what must not matter (ARCHITECTURE.md, invariants 4 and 5), to
 * the last bit: threads, batches, interruptions, where the engine runs, and the prompts beside a prompt.
 */
import { existsSync } from "node:fs";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";

import type { Replacements } from "../src/discovery/replacements.ts";
import type { Decision, SearchResult } from "../src/discovery/searches/decision.ts";
import { candidates } from "../src/discovery/searches/greedy/search.ts";
import { klDivergence } from "../src/measure/distribution.ts";
import { inlineRuntime, workerRuntime } from "../src/runtime/node-runtime.ts";
import { type Circuit, wholeCircuit } from "../src/transformer/circuit.ts";
import { type Component, nameInLayer, shapeOf } from "../src/transformer/component.ts";
import type { Transformer } from "../src/transformer/transformer.ts";
import { goldenPrompts, loadNano } from "./support/export-circuit.ts";
import { naive, naiveReplacements, naiveSearch } from "./support/naive-transformer.ts";
import { modelShapes, powersOfTwo, promptLengths, searchRules } from "./support/random-cases.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";
import { found, patchedLogits } from "./support/run-model.ts";
import { makeReplacements, type Prompts, runSearch, type SearchRun } from "./support/run-search.ts";

const runtime = inlineRuntime({ threads: 1 });
afterAll(() => runtime.close());

/** ARCHITECTURE.md, invariant 3. */
const tolerance = 1e-4;

describe("the search is Algorithm 1", () => {
  const shape = fc
    .tuple(modelShapes({ layers: { min: 2, max: 3 }, heads: [1, 2, 3, 5] }), fc.boolean())
    .map(([options, tied]) => ({ ...options, tied }));
  const settings = fc.record({
    ...searchRules,
    // From "keep nearly everything" to "prune nearly everything".
    alpha: powersOfTwo(-12, 3),
  });
  const lengths = promptLengths(5);

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
  });
});

interface Case {
  readonly model: Transformer;
  readonly run: SearchRun;
}

/** A tiny model with prompts of mixed lengths, and nano with some of its golden prompts. */
const tiny = (): Case => {
  const model = randomTransformer({ layers: 3, heads: 3 });
  const prompts = (seed: number) =>
    randomPrompts([3, 5, 5, 9, 2, 5, 1, 7, 7, 3, 12, 4, 4, 4, 4], model.vocabularySize, seed);
  const run = { patching: prompts(1), validation: prompts(2), ablation: "pooled" } as const;
  return { model, run: { ...run, alpha: 0.2, mlps: true, order: "published" } };
};
const nano = async (count: number): Promise<Case> => {
  const patching = (await goldenPrompts("ioi", "patching")).slice(0, count);
  const validation = (await goldenPrompts("ioi", "validation")).slice(0, count);
  const run = { patching, validation, ablation: "aligned" } as const;
  return { model: await loadNano(), run: { ...run, alpha: 0.02, mlps: true, order: "published" } };
};

/** What must be equal to the last bit. */
const essence = ({ circuit, trace, kl }: SearchResult) => ({ circuit, trace, kl });

describe("invariant 4: the trace is the same to the last bit", () => {
  test.each([
    { name: "tiny", make: async () => tiny() },
    { name: "nano", make: () => nano(12) },
  ])("$name: whatever the number of threads", async ({ make }) => {
    const { model, run } = await make();
    const one = essence(await runSearch(runtime, model, run));
    // Some of both, or the test would prove little.
    expect(new Set(one.trace.map(({ pruned }) => pruned)).size).toBe(2);
    for (const threads of [2, 3]) {
      const several = inlineRuntime({ threads });
      expect(essence(await runSearch(several, model, run))).toEqual(one);
      await several.close();
    }
  });

  test.each([
    { name: "tiny", make: async () => tiny() },
    { name: "nano", make: () => nano(12) },
  ])("$name: whatever the batches", async ({ make }) => {
    const { model, run } = await make();
    const usual = essence(await runSearch(runtime, model, run));
    for (const tokensPerBatch of [1, 64, 1024, 100_000]) {
      expect(essence(await runSearch(runtime, model, { ...run, tokensPerBatch }))).toEqual(usual);
    }
  });

  test.each(["published", "downstream"] as const)("resumed from anywhere, %s order", async (order) => {
    const { model, run } = tiny();
    const whole = essence(await runSearch(runtime, model, { ...run, order }));
    const replacements = await makeReplacements(runtime, model, "pooled", run.patching);
    expect(whole.trace).toHaveLength(12);
    for (const done of [...whole.trace.keys(), whole.trace.length]) {
      const told: Decision[] = [];
      const resumed = await runSearch(
        runtime,
        model,
        {
          ...run,
          order,
          resume: whole.trace.slice(0, done),
          onDecision: (decision) => void told.push(decision),
        },
        replacements,
      );
      expect(essence(resumed)).toEqual(whole);
      expect(told).toEqual(whole.trace.slice(done));
    }
  });

  test("nano: stopped in the middle of a layer and resumed", async () => {
    const { model, run } = await nano(8);
    const whole = essence(await runSearch(runtime, model, run));
    for (const stopAt of [10, 21]) {
      const told: Decision[] = [];
      const abort = new AbortController();
      const interrupted = runSearch(runtime, model, {
        ...run,
        signal: abort.signal,
        onDecision: (decision) => {
          told.push(decision);
          if (told.length === stopAt) abort.abort();
        },
      });
      await expect(interrupted).rejects.toThrow(/abort/i);
      expect(told).toEqual(whole.trace.slice(0, stopAt));
      expect(essence(await runSearch(runtime, model, { ...run, resume: told }))).toEqual(whole);
    }
  });

  const built = existsSync(new URL("../dist/worker.js", import.meta.url));
  test.skipIf(!built)("in this thread or in a worker", async () => {
    const { model, run } = tiny();
    const worker = workerRuntime({ threads: 2 });
    expect(essence(await runSearch(worker, model, run))).toEqual(
      essence(await runSearch(runtime, model, run)),
    );
    expect(worker.counters).toMatchObject({ flops: expect.any(Number) });
    await worker.close();
  });
});

describe("invariant 5", () => {
  const allConstants = (model: Transformer, replacements: Replacements) =>
    model.blocks.flatMap(({ attention }, layer) => [
      ...found(attention).heads.map((head) => replacements.head(layer, head).values),
      replacements.mlp(layer).values,
    ]);

  test.each([
    { name: "tiny, pooled, mixed lengths", make: async () => tiny() },
    { name: "nano, aligned", make: () => nano(12) },
  ])("$name: means don't depend on how the set was chunked", async ({ make }) => {
    const { model, run } = await make();
    const usual = allConstants(model, await makeReplacements(runtime, model, run.ablation, run.patching));
    for (const tokensPerBatch of [1, 64, 100_000]) {
      const { ablation, patching } = run;
      const other = await makeReplacements(runtime, model, ablation, patching, tokensPerBatch);
      expect(allConstants(model, other)).toEqual(usual);
    }
  });

  test.each([
    { name: "tiny, pooled, mixed lengths", make: async () => tiny() },
    { name: "nano, aligned", make: () => nano(5) },
  ])("$name: a prompt's KL does not depend on the prompts beside it", async ({ make }) => {
    const { model, run } = await make();
    const replacements = await makeReplacements(runtime, model, run.ablation, run.patching);
    // ONNX Runtime multiplies a single row by another kernel, which rounds otherwise: to the last bit only
    // where no batch has a single row. One prompt of one token is one; see `alone` below for how near it is.
    const validation = run.validation.filter((ids) => ids.length > 1);
    const together = await runSearch(runtime, model, { ...run, validation }, replacements);
    const pruned = new Map(together.trace.map((step) => [`${step.layer} ${step.component}`, step.pruned]));
    const decide = (component: Component) =>
      found(pruned.get(`${component.layer} ${nameInLayer(component)}`));
    const searchOf = (prompts: Prompts) =>
      runSearch(runtime, model, { ...run, validation: prompts, decide }, replacements);
    const twice: SearchResult[] = [];
    const alone: SearchResult[] = [];
    for (const ids of validation) {
      twice.push(await searchOf([ids, ids]));
      alone.push(await searchOf([ids]));
    }
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    for (const [step, { kl }] of together.trace.entries()) {
      const klOf = ({ trace }: SearchResult) => found(trace[step]).kl;
      expect(kl).toBe(mean(twice.map(klOf)));
      expect(Math.abs(kl - mean(alone.map(klOf)))).toBeLessThan(1e-5);
    }
    const backwards = await searchOf([...validation].reverse());
    expect(Math.abs(backwards.kl - together.kl)).toBeLessThan(1e-14);
  });
});

test("the KL of a search is the patched model's", async () => {
  const { model, run } = tiny();
  const { circuit, kl, replacements } = await runSearch(runtime, model, run);
  const whole = wholeCircuit(shapeOf(model));
  const rows = (of: Circuit, prompts: Prompts) => patchedLogits(runtime, model, of, replacements, prompts);
  const [original, patched] = [await rows(whole, run.validation), await rows(circuit, run.validation)];
  const each = original.map((row, prompt) => klDivergence(row, found(patched[prompt])));
  expect(Math.abs(each.reduce((sum, value) => sum + value, 0) / each.length - kl)).toBeLessThan(1e-5);
});

test("candidates: layers last to first, heads ascending, the MLP after or before them", () => {
  const model = randomTransformer({ layers: 2, heads: 2 });
  const names = (mlps: boolean, order: "published" | "downstream") =>
    candidates(model, { mlps, order }).map((each) => `${each.layer} ${nameInLayer(each)}`);
  expect(names(true, "published")).toEqual([
    "1 head.0",
    "1 head.1",
    "1 mlp",
    "0 head.0",
    "0 head.1",
    "0 mlp",
  ]);
  expect(names(true, "downstream")).toEqual([
    "1 mlp",
    "1 head.0",
    "1 head.1",
    "0 mlp",
    "0 head.0",
    "0 head.1",
  ]);
  expect(names(false, "downstream")).toEqual(["1 head.0", "1 head.1", "0 head.0", "0 head.1"]);
});
