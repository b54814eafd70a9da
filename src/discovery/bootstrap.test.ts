/**
 * Resampling: a prompt that is drawn twice is computed once with weight 2, and that is the same as having it
 * twice; runs don't depend on how many runtimes share them, or on whether some were made before.
 */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { countingRuntime } from "../../test/support/counting-runtime.ts";
import { randomPrompts, randomTransformer } from "../../test/support/random-transformer.ts";
import { PithError } from "../errors.ts";
import { inlineRuntime } from "../runtime/node-runtime.ts";
import { createRandom } from "../tasks/random.ts";
import { circuitOfLists } from "../transformer/circuit.ts";
import { type BootstrapRun, bootstrap, drawnSets, drawResamples } from "./bootstrap.ts";
import type { Evaluator } from "./evaluator/evaluator.ts";
import { mean } from "./mean.ts";
import { prepareSearch, type SearchSets } from "./prepare.ts";
import type { SearchResult } from "./searches/decision.ts";
import { search } from "./searches/greedy/search.ts";

const inline = inlineRuntime({ threads: 1 });
const runtime = countingRuntime(inline);
afterAll(() => inline.close());

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe("resamples", () => {
  const sets: SearchSets = {
    patching: Array.from({ length: 40 }, (_, index) => [index]),
    validation: Array.from({ length: 25 }, (_, index) => [100 + index, 1]),
    scored: Array.from({ length: 25 }, (_, index) => 1 + (index % 2)),
  };
  const draw = (runs: number, seed: number) => drawResamples(sets, runs, createRandom(seed).below);

  test("as many draws as there are prompts, another each run, the same for a seed", () => {
    const resamples = draw(5, 3);
    for (const { patching, validation } of resamples) {
      expect([patching.length, sum(patching)]).toEqual([40, 40]);
      expect([validation.length, sum(validation)]).toEqual([25, 25]);
    }
    expect(new Set(resamples.map((each) => JSON.stringify(each))).size).toBe(5);
    expect(draw(5, 3)).toEqual(resamples);
    expect(draw(5, 4)).not.toEqual(resamples);
    // Fewer runs are the first of more.
    expect(draw(2, 3)).toEqual(resamples.slice(0, 2));
  });

  test("each prompt is drawn once a run on average", () => {
    const resamples = draw(400, 1);
    for (let prompt = 0; prompt < 25; prompt++) {
      // Binomial(400 · 25, 1/25): mean 400, deviation 19.6; five of them.
      expect(Math.abs(sum(resamples.map(({ validation }) => validation[prompt] ?? 0)) - 400)).toBeLessThan(
        98,
      );
    }
  });

  test("what was drawn, once each, with its weight and its answer positions", () => {
    const drawn = drawnSets(
      {
        patching: [[1], [2], [3]],
        validation: [
          [4, 4],
          [5, 5],
        ],
        scored: [1, 2],
      },
      { patching: [0, 1, 2], validation: [0, 2] },
    );
    expect(drawn).toEqual({
      patching: [[2], [3]],
      validation: [[5, 5]],
      scored: [2],
      weights: { patching: [1, 2], validation: [2] },
    });
  });
});

test("weighted means by hand", () => {
  expect(mean(Float64Array.of(1, 2, 6), [1, 2, 1])).toBe((1 + 2 + 2 + 6) / 4);
  expect(mean(Float64Array.of(1, 2, 6), [0, 0, 5])).toBe(6);
  expect(mean(Float64Array.of(1, 2, 6))).toBe(3);
});

const duplicated = <T>(items: readonly T[], weights: readonly number[]): T[] =>
  items.flatMap((item, index) => Array.from({ length: weights[index] ?? 0 }, () => item));

/** A threshold that no delta comes near, so that rounding decides nothing. */
function clearAlpha({ trace }: SearchResult): number {
  const deltas = trace.map(({ delta }) => delta).sort((a, b) => a - b);
  const gaps = deltas.slice(1).map((delta, index) => ({ delta, gap: delta - (deltas[index] ?? 0) }));
  const widest = gaps.reduce((best, each) => (each.gap > best.gap ? each : best), { delta: 1, gap: 0 });
  return widest.delta - widest.gap / 2;
}

test("weights are duplicates: the same means, KL and decisions", async () => {
  const shape = fc.record({
    layers: fc.integer({ min: 1, max: 3 }),
    heads: fc.constantFrom(1, 3),
    seed: fc.nat(10_000),
  });
  const settings = fc.record({
    ablation: fc.constantFrom("mean", "zero"),
    means: fc.constantFrom("aligned", "pooled"),
    mlps: fc.boolean(),
    tokensPerBatch: fc.constantFrom(4, 1024),
  });
  const lengths = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 6 });
  let [repeated, pruned, kept] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(shape, settings, lengths, fc.nat(1000), async (model, options, mixed, seed) => {
      const transformer = randomTransformer({ ...model, headWidth: 3, width: 7, hidden: 9, vocabulary: 13 });
      const even = options.means === "aligned" ? mixed.map(() => mixed[0] ?? 1) : mixed;
      const sets = { patching: randomPrompts(even, 13, 3), validation: randomPrompts(even, 13, 4) };
      const [resample] = drawResamples(sets, 1, createRandom(seed).below);
      if (resample === undefined) throw new Error("no resample");
      const drawn = drawnSets(sets, resample);
      const copies: SearchSets = {
        patching: duplicated(sets.patching, resample.patching),
        validation: duplicated(sets.validation, resample.validation),
      };
      if (copies.validation.length > drawn.validation.length) repeated++;

      const find = async (its: SearchSets, alpha: number) => {
        const { evaluator, replacements } = await prepareSearch(runtime, transformer, its, options);
        const result = await search(evaluator, transformer, {
          alpha,
          mlps: options.mlps,
          order: "published",
        });
        await evaluator.close();
        return { result, replacements };
      };
      const alpha = clearAlpha((await find(copies, 1e9)).result);
      const [weighted, plain] = [await find(drawn, alpha), await find(copies, alpha)];
      expect(runtime.held()).toEqual({ tensors: 0, sessions: 0 });

      expect(weighted.result.circuit).toEqual(plain.result.circuit);
      for (const [step, decision] of weighted.result.trace.entries()) {
        const other = plain.result.trace[step];
        expect({ ...decision, kl: 0, delta: 0 }).toEqual({ ...other, kl: 0, delta: 0 });
        expect(Math.abs(decision.kl - (other?.kl ?? Number.NaN))).toBeLessThan(2e-5);
        if (decision.pruned) pruned++;
        else kept++;
      }
      for (const layer of transformer.blocks.keys()) {
        const [one, two] = [weighted.replacements.mlp(layer).values, plain.replacements.mlp(layer).values];
        expect(one.every((value, at) => Math.abs(value - (two[at] ?? Number.NaN)) < 2e-5)).toBe(true);
      }
    }),
    { numRuns: 15 },
  );
  expect(Math.min(repeated, pruned, kept)).toBeGreaterThan(5);
});

describe("runs", () => {
  const model = randomTransformer({ layers: 2, heads: 3, vocabulary: 17 });
  const sets: SearchSets = {
    patching: randomPrompts([4, 4, 4, 4, 4, 4, 4], 17, 1),
    validation: randomPrompts([4, 4, 4, 4, 4, 4], 17, 2),
  };
  const resamples = drawResamples(sets, 5, createRandom(0).below);
  const find = (evaluator: Evaluator) =>
    search(evaluator, model, { alpha: 0.05, mlps: true, order: "published" });
  const options = { ablation: "mean", means: "aligned", find } as const;
  let made: Promise<readonly BootstrapRun[]> | undefined;
  const whole = () => {
    made ??= bootstrap(runtime, [runtime], model, sets, resamples, options);
    return made;
  };

  test("each is the search on its drawn prompts alone, to the last bit", async () => {
    const runs = await whole();
    expect(runs.map(({ run }) => run)).toEqual([0, 1, 2, 3, 4]);
    for (const [index, { circuit, kl }] of runs.entries()) {
      const resample = resamples[index];
      if (resample === undefined) throw new Error("no resample");
      const { evaluator } = await prepareSearch(runtime, model, drawnSets(sets, resample), options);
      const alone = await find(evaluator);
      await evaluator.close();
      expect({ circuit, kl }).toEqual({ circuit: alone.circuit, kl: alone.kl });
    }
    expect(new Set(runs.map(({ kl }) => kl)).size).toBeGreaterThan(1);
    expect(runtime.held()).toEqual({ tensors: 0, sessions: 0 });
  });

  test("several runtimes, or some runs made before, change nothing", async () => {
    const runs = await whole();
    const other = inlineRuntime({ threads: 1 });
    expect(await bootstrap(inline, [inline, other], model, sets, resamples, options)).toEqual(runs);
    await other.close();

    const told: [number, number, number][] = [];
    const resume = runs.filter(({ run }) => run === 1 || run === 4);
    const again = await bootstrap(inline, [inline], model, sets, resamples, {
      ...options,
      resume,
      onRun: ({ run }, done, total) => void told.push([run, done, total]),
    });
    expect(again).toEqual(runs);
    expect(told).toEqual([
      [0, 3, 5],
      [2, 4, 5],
      [3, 5, 5],
    ]);
    const foreign: BootstrapRun = { run: 5, circuit: circuitOfLists({ heads: [], mlps: [] }), kl: 0 };
    await expect(
      bootstrap(inline, [inline], model, sets, resamples, { ...options, resume: [foreign] }),
    ).rejects.toThrow(PithError);
  });

  test("stops at the signal, and at a failure of one run", async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    await expect(
      bootstrap(inline, [inline], model, sets, resamples, {
        ...options,
        signal: controller.signal,
        onRun: ({ run }) => {
          seen.push(run);
          if (run === 1) controller.abort(new Error("enough"));
        },
      }),
    ).rejects.toThrow("enough");
    expect(seen).toEqual([0, 1]);

    let searches = 0;
    const failing = async () => {
      searches++;
      throw new Error("broken");
    };
    await expect(
      bootstrap(inline, [inline], model, sets, resamples, { ...options, find: failing }),
    ).rejects.toThrow("broken");
    expect(searches).toBe(1);
  });
});
