/**
 * Circuits for a target, checked by brute force on models that are small enough for it: the patched model, which
 * shares no code with the search, says whether the target holds and whether any single change would do better.
 */
import { afterAll, describe, expect, test } from "vitest";
import { cutCircuit } from "../src/cut/cut-circuit.ts";
import { createEvaluator } from "../src/discovery/evaluator/evaluator.ts";
import type { Replacements } from "../src/discovery/replacements.ts";
import { candidates, circuitOfTrace } from "../src/discovery/searches/greedy/search.ts";
import {
  searchForTarget,
  type TargetEntry,
  type TargetOptions,
  type TargetResult,
} from "../src/discovery/searches/target/search-for-target.ts";
import type { Target } from "../src/discovery/searches/target/target-options.ts";
import { klDivergence, mostLikely } from "../src/measure/distribution.ts";
import { countParameters } from "../src/measure/parameters.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import type { Circuit } from "../src/transformer/circuit.ts";
import { keeps, wholeCircuit, without } from "../src/transformer/circuit.ts";
import { bodyShare } from "../src/transformer/circuit-size.ts";
import type { Component } from "../src/transformer/component.ts";
import { shapeOf } from "../src/transformer/component.ts";
import type { Transformer } from "../src/transformer/transformer.ts";
import { countingRuntime } from "./support/counting-runtime.ts";
import { goldenPrompts, loadNano } from "./support/export-circuit.ts";
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
  readonly original: readonly Float32Array[];
  /** The original's, so that it is always right. */
  readonly answers: readonly number[];
}

async function makeSetting(
  model: Transformer,
  patching: Prompts,
  validation: Prompts,
  ablation: "aligned" | "pooled",
): Promise<Setting> {
  const replacements = await makeReplacements(inline, model, ablation, patching);
  const original = await originalLogits(inline, model, validation);
  return { model, validation, replacements, original, answers: original.map(mostLikely) };
}

const tiny = async (seed: number): Promise<Setting> => {
  const model = randomTransformer({ layers: 2, heads: 2, vocabulary: 6, seed });
  const prompts = (from: number) => randomPrompts([3, 5, 5, 2, 4, 4, 5, 3, 5, 2, 4, 3], 6, 10 * seed + from);
  return makeSetting(model, prompts(1), prompts(2), "pooled");
};

async function run(
  { model, validation, replacements, answers }: Setting,
  options: Omit<TargetOptions, "mlps" | "order" | "isRight"> & { readonly mlps?: boolean },
): Promise<TargetResult> {
  const evaluator = await createEvaluator(runtime, model, validation, replacements);
  try {
    return await searchForTarget(evaluator, model, {
      ...{ mlps: true, order: "published", ...options },
      isRight: (index, logits) => mostLikely(logits) === answers[index],
    });
  } finally {
    await evaluator.close();
  }
}

interface Measured {
  readonly kl: number;
  readonly accuracy: number;
}

/** By the patched model. */
async function measure(
  { model, validation, replacements, original, answers }: Setting,
  circuit: Circuit,
): Promise<Measured> {
  const patched = await patchedLogits(inline, model, circuit, replacements, validation);
  const kls = original.map((row, prompt) => klDivergence(row, found(patched[prompt])));
  const right = patched.filter((row, prompt) => mostLikely(row) === answers[prompt]);
  return {
    kl: kls.reduce((sum, value) => sum + value, 0) / kls.length,
    accuracy: right.length / patched.length,
  };
}

const all = (model: Transformer) => candidates(model, { mlps: true, order: "published" });
const close = 1e-4;

/** The circuit holds the target, is what its trace says, and every single component of it is needed. */
async function checkSmallest(setting: Setting, target: Target, result: TargetResult): Promise<void> {
  const { model } = setting;
  const holds = ({ kl, accuracy }: Measured, slack: number) =>
    target.kind === "kl" ? kl <= target.value + slack : accuracy >= target.value;
  const own = await measure(setting, result.circuit);
  expect(holds(own, close)).toBe(true);
  expect(Math.abs(own.kl - result.kl)).toBeLessThan(close);
  expect(result.accuracy).toBeCloseTo(own.accuracy, 12);
  expect(result.evaluations).toBeLessThanOrEqual(8 * result.candidates);
  expect(result.circuit).toEqual(circuitOfTrace(model, result.trace));
  const standalone = await cutCircuit(model, result.circuit, setting.replacements);
  const share = countParameters(standalone).body / countParameters(model).body;
  expect(result.size).toBeCloseTo(share, 12);
  expect(result.settled).toBe(true);
  for (const component of all(model).filter((each) => keeps(result.circuit, each))) {
    const less = await measure(setting, without(result.circuit, [component]));
    expect(holds(less, -close)).toBe(false);
  }
}

/** Every circuit there is. */
function everyCircuit(model: Transformer): readonly Circuit[] {
  const list = all(model);
  return Array.from({ length: 2 ** list.length }, (_, bits) =>
    without(
      wholeCircuit(shapeOf(model)),
      list.filter((_each, index) => (bits >> index) % 2 === 1),
    ),
  );
}

describe("on random models, by brute force", () => {
  const seeds = [1, 2, 3];

  test.each([0.9])("an accuracy of %d: 1-minimal, and mostly the smallest there is", async (value) => {
    const target: Target = { kind: "accuracy", value };
    let optimal = 0;
    for (const seed of seeds) {
      const setting = await tiny(seed);
      const result = await run(setting, { target });
      expect(runtime.held()).toEqual({ tensors: 0, sessions: 0 });
      await checkSmallest(setting, target, result);
      let least = 1;
      for (const circuit of everyCircuit(setting.model)) {
        const size = bodyShare(setting.model, circuit);
        if (size < least && (await measure(setting, circuit)).accuracy >= value) least = size;
      }
      expect(result.size).toBeGreaterThanOrEqual(least - 1e-12);
      optimal += Number(result.size < least + 1e-12);
    }
    expect(optimal).toBeGreaterThanOrEqual(seeds.length / 2);
  });

  test.each([0.1])("a KL of %d nats: 1-minimal", async (value) => {
    for (const seed of seeds) {
      const setting = await tiny(seed);
      const target: Target = { kind: "kl", value };
      await checkSmallest(setting, target, await run(setting, { target }));
    }
  });

  test.each([0, 0.5])("a size of %d: it fits, and nothing that fits would lower KL", async (value) => {
    for (const seed of seeds) {
      const setting = await tiny(seed);
      const { model } = setting;
      const result = await run(setting, { target: { kind: "size", value } });
      expect(result.size).toBeLessThanOrEqual(value + 1e-9);
      expect(result.size).toBeCloseTo(bodyShare(model, result.circuit), 12);
      expect(result.evaluations).toBeLessThanOrEqual(8 * result.candidates);
      expect(result.settled).toBe(true);
      if (result.trace.length > 0) expect(result.circuit).toEqual(circuitOfTrace(model, result.trace));
      const own = await measure(setting, result.circuit);
      expect(Math.abs(own.kl - result.kl)).toBeLessThan(close);
      const gone = all(model).filter((each) => !keeps(result.circuit, each));
      for (const component of gone) {
        const others = gone.filter((each: Component) => each !== component);
        const more = without(wholeCircuit(shapeOf(model)), others);
        if (bodyShare(model, more) > value) continue;
        expect((await measure(setting, more)).kl).toBeGreaterThan(own.kl - close);
      }
      // No sweep's circuit that fits is better.
      for (const each of result.tried) {
        if (each.holds) expect(result.kl).toBeLessThanOrEqual(each.kl + 1e-12);
      }
    }
  });

  test("an accuracy with a bound on KL holds both", async () => {
    for (const seed of seeds) {
      const setting = await tiny(seed);
      const result = await run(setting, { target: { kind: "accuracy", value: 0.6 }, maxKl: 0.05 });
      const own = await measure(setting, result.circuit);
      expect(own.accuracy).toBeGreaterThanOrEqual(0.6);
      expect(own.kl).toBeLessThan(0.05 + close);
    }
  });
});

test("stopped after any evaluation and resumed, the same comes out, and nothing is evaluated twice", async () => {
  const setting = await tiny(3);
  for (const target of [
    { kind: "accuracy", value: 0.9 },
    { kind: "size", value: 0.5 },
  ] as const) {
    const journal: TargetEntry[] = [];
    const whole = await run(setting, { target, onEvaluation: (entry) => void journal.push(entry) });
    expect(journal).toHaveLength(whole.evaluations);
    for (let done = 1; done < journal.length; done += 11) {
      const abort = new AbortController();
      const told: TargetEntry[] = [];
      const onEvaluation = (entry: TargetEntry) => {
        told.push(entry);
        if (told.length === done) abort.abort();
      };
      await expect(run(setting, { target, onEvaluation, signal: abort.signal })).rejects.toThrow(/abort/i);
      expect(told).toEqual(journal.slice(0, done));
      const resume: readonly TargetEntry[] = JSON.parse(JSON.stringify(told));
      const again = await run(setting, { target, resume, onEvaluation: (entry) => void told.push(entry) });
      expect(again).toEqual(whole);
      expect(told).toHaveLength(journal.length);
    }
  }
});

test.each<[Target, number | undefined]>([
  [{ kind: "kl", value: 0 }, undefined],
  [{ kind: "accuracy", value: 1 }, 1e-12],
])("where nothing can be spared the whole model is the circuit: %j", async (target, maxKl) => {
  const setting = await tiny(2);
  const result = await run(setting, { target, maxKl });
  expect(result.circuit).toEqual(wholeCircuit(shapeOf(setting.model)));
  expect(result).toMatchObject({ size: 1, alpha: undefined, settled: true, leastAlpha: 5.5e-4 });
  expect(result.tried).toHaveLength(1);
});

describe("a target that can't be held", () => {
  test("by the original: both numbers are said", async () => {
    const setting = await tiny(1);
    const answers = setting.answers.map((answer, index) => (index < 3 ? -1 : answer));
    const failing = run({ ...setting, answers }, { target: { kind: "accuracy", value: 0.8 } });
    await expect(failing).rejects.toThrow(/80\.00 %.*75\.00 %/);
    await expect(failing).rejects.toMatchObject({ name: "PithError", code: "options" });
  });

  test("because MLPs must stay", async () => {
    const failing = run(await tiny(1), { target: { kind: "size", value: 0.1 }, mlps: false });
    await expect(failing).rejects.toThrow(/"--target-size".*10\.00 %/);
  });
});

test("nano: smaller than the best α's circuit, and every component is needed", async () => {
  const model = await loadNano();
  const setting = await makeSetting(
    model,
    (await goldenPrompts("acronyms", "patching", true)).slice(0, 8),
    (await goldenPrompts("acronyms", "validation", true)).slice(0, 8),
    "aligned",
  );
  const target: Target = { kind: "accuracy", value: 0.9 };
  const result = await run(setting, { target });
  await checkSmallest(setting, target, result);
  const byAlpha = result.tried.filter(({ holds }) => holds).map(({ size }) => size);
  expect(result.size).toBeLessThan(Math.min(...byAlpha));
});
