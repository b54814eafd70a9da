/**
 * Answers of several tokens: every KL of a search over several answer positions is the mean that the patched
 * model gives at these positions, for prompts of one length and of many.
 */
import { afterAll, describe, expect, test } from "vitest";
import { patchedGates } from "../src/cut/patched.ts";
import { createEvaluator } from "../src/discovery/evaluator/evaluator.ts";
import type { Decision } from "../src/discovery/searches/decision.ts";
import { searchInPasses } from "../src/discovery/searches/greedy/passes.ts";
import { circuitOfTrace } from "../src/discovery/searches/greedy/search.ts";
import { sweep } from "../src/discovery/sweep.ts";
import { answerLogits } from "../src/measure/answer-logits.ts";
import { klDivergence } from "../src/measure/distribution.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import type { Circuit } from "../src/transformer/circuit.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";
import { found } from "./support/run-model.ts";
import { makeReplacements } from "./support/run-search.ts";

const runtime = inlineRuntime({ threads: 1 });
afterAll(() => runtime.close());

const model = randomTransformer({ layers: 3, heads: 3 });
const { vocabularySize } = model;

const makeSetting = async (lengths: readonly number[], ablation: "aligned" | "pooled" | "zero") => {
  const validation = randomPrompts(lengths, vocabularySize, 2);
  const patching = randomPrompts(lengths, vocabularySize, 1);
  return { validation, replacements: await makeReplacements(runtime, model, ablation, patching) };
};
type Setting = Awaited<ReturnType<typeof makeSetting>>;

async function rows(
  { validation, replacements }: Setting,
  scored: readonly number[],
  circuit?: Circuit,
): Promise<readonly Float32Array[]> {
  const kept = new Map<number, Float32Array>();
  const prompts = validation.map((forced, index) => ({ forced, scored: found(scored[index]) }));
  const gates = circuit && { gates: patchedGates(model, circuit, replacements) };
  await answerLogits(
    runtime,
    model,
    prompts,
    (index, logits) => kept.set(index, logits.slice()),
    gates ?? {},
  );
  return prompts.map((_, index) => found(kept.get(index)));
}

/** Mean over a prompt's positions, then over the prompts. */
function meanKl(original: readonly Float32Array[], other: readonly Float32Array[]): number {
  const each = original.map((logits, prompt) => {
    const positions = logits.length / vocabularySize;
    const part = (all: Float32Array, at: number) =>
      all.subarray(at * vocabularySize, (at + 1) * vocabularySize);
    const kls = Array.from({ length: positions }, (_, at) =>
      klDivergence(part(logits, at), part(found(other[prompt]), at)),
    );
    return kls.reduce((sum, value) => sum + value, 0) / positions;
  });
  return each.reduce((sum, value) => sum + value, 0) / each.length;
}

describe("every KL is the patched model's, mean over the answer positions", () => {
  test.each([
    {
      name: "pooled, many lengths",
      lengths: [3, 5, 5, 9, 2, 5],
      scored: [2, 1, 5, 3, 2, 1],
      ablation: "pooled",
      alpha: 0.1,
    },
    {
      name: "zero, many lengths",
      lengths: [3, 5, 5, 9, 2, 5],
      scored: [1, 1, 1, 2, 1, 1],
      ablation: "zero",
      alpha: 0.5,
    },
    // Constants differ by position here.
    {
      name: "aligned, one length",
      lengths: [5, 5, 5, 5],
      scored: [1, 5, 2, 3],
      ablation: "aligned",
      alpha: 0.1,
    },
  ] as const)("$name", async ({ lengths, scored, ablation, alpha }) => {
    const setting = await makeSetting(lengths, ablation);
    const original = await rows(setting, scored);
    const traces: (readonly Decision[])[] = [];
    for (const tokensPerBatch of [4, 1024]) {
      const { validation, replacements } = setting;
      const evaluator = await createEvaluator(runtime, model, validation, replacements, {
        ...{ tokensPerBatch, scored },
      });
      const { trace } = await searchInPasses(evaluator, model, {
        ...{ alpha, mlps: true, order: "published", passes: 2 },
      });
      expect(new Set(trace.map(({ pruned }) => pruned)).size).toBe(2);
      traces.push(trace);
      // Whatever the batches, to the last bit; so once is enough for what follows.
      expect(trace).toEqual(traces[0]);
      if (traces.length > 1) {
        await evaluator.close();
        continue;
      }
      for (const [step, decision] of trace.entries()) {
        const tried = circuitOfTrace(model, [...trace.slice(0, step), { ...decision, pruned: true }]);
        const expected = meanKl(original, await rows(setting, scored, tried));
        expect(Math.abs(decision.kl - expected)).toBeLessThan(1e-4);
      }
      // The logits that are shown are the patched model's too.
      const circuit = circuitOfTrace(model, trace);
      const patched = await rows(setting, scored, circuit);
      let largest = 0;
      const seen: number[] = [];
      await evaluator.measure(circuit, (index, logits) => {
        seen.push(index);
        expect(logits).toHaveLength(found(scored[index]) * vocabularySize);
        for (const [at, logit] of logits.entries())
          largest = Math.max(largest, Math.abs(logit - found(found(patched[index])[at])));
      });
      expect(seen).toEqual([...scored.keys()]);
      expect(largest).toBeLessThan(1e-4);
      await evaluator.close();
    }
  });
});

test("one position each is, to the last bit, what it is when nothing is said", async () => {
  const { validation, replacements } = await makeSetting([3, 5, 5, 9, 2], "pooled");
  const rule = { alphas: [0.01, 0.1, 1], mlps: true, order: "published" } as const;
  const results = [];
  for (const scored of [undefined, [1, 1, 1, 1, 1]]) {
    const evaluator = await createEvaluator(runtime, model, validation, replacements, { scored });
    results.push(await sweep(evaluator, model, rule));
    await evaluator.close();
  }
  expect(results[0]).toEqual(results[1]);
});

test("counts that can't be are refused", async () => {
  const { validation, replacements } = await makeSetting([3, 5], "pooled");
  for (const scored of [[1], [4, 1], [0, 1], [1.5, 1]]) {
    await expect(createEvaluator(runtime, model, validation, replacements, { scored })).rejects.toThrow(
      RangeError,
    );
  }
});
