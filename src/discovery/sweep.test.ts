/**
 * The sweep's own law, on an evaluator whose KL is any function of what is pruned: it must ask each question
 * once, give every α what `search` gives, take over any part of a journal, and hand back all that it holds.
 * With the real evaluator: test/sweep.test.ts.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { createRandom } from "../tasks/random.ts";
import { layerWithout } from "../transformer/component.ts";
import { groupedHeads } from "../transformer/head-groups.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { constantWeight } from "../transformer/weight.ts";
import { zeroConstant } from "./constant.ts";
import type { LayerEvaluator } from "./evaluator/evaluator.ts";
import type { LayerChoice, LayerState, LayerTrial } from "./evaluator/layer-trial.ts";
import { emptyUpper, type Upper } from "./evaluator/upper.ts";
import { search } from "./searches/greedy/search.ts";
import { type SweepEntry, sweep } from "./sweep.ts";

interface TableEvaluator extends LayerEvaluator {
  /** What was evaluated, in order: the pruned components. */
  readonly asked: string[];
  /** States that were made and not handed back, and trials that have not ended. */
  readonly held: () => number;
}

/** Its KL is a number drawn for each set of pruned components: nothing like a model's, and so a hard case. */
function tableEvaluator(model: Transformer, seed: number): TableEvaluator {
  const asked: string[] = [];
  const states = new Set<LayerState>();
  const trials = new Set<LayerTrial>();
  const prunedAbove = new WeakMap<Upper, readonly string[]>();
  const top = emptyUpper({ kind: "one" }, 1);
  prunedAbove.set(top, []);
  const above = (upper: Upper): readonly string[] => {
    const pruned = prunedAbove.get(upper);
    if (pruned === undefined) throw new RangeError("an upper that nobody made");
    return pruned;
  };
  const keep = (state: LayerState): LayerState => {
    states.add(state);
    return state;
  };
  const living = (state: LayerState) => {
    if (!states.has(state)) throw new RangeError("a state that was handed back");
  };

  return {
    asked,
    held: () => states.size + trials.size,
    top,
    async openLayer(layer, opened) {
      const heads = model.blocks[layer]?.attention?.heads ?? [];
      const pruned = (state: LayerChoice, upper: Upper): readonly string[] => {
        if (upper.readsAll !== opened.readsAll) throw new RangeError("an upper that needs another trial");
        const gone = heads.filter((head) => !state.heads.includes(head)).map((head) => `${layer}.${head}`);
        return [...above(upper), ...gone, ...(state.mlp ? [] : [`${layer}.mlp`])].sort();
      };
      const kl = (state: LayerState, upper: Upper) => {
        living(state);
        const key = pruned(state, upper).join(" ");
        asked.push(key);
        const hash = [...key].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, seed);
        return Float64Array.of(createRandom(hash).nextUint32() / 2 ** 32);
      };
      const less: LayerTrial["less"] = layerWithout;
      const trial: LayerTrial = {
        start: keep({ base: [], constant: zeroConstant({ kind: "one" }, 1), heads, mlp: true }),
        less,
        async without(state, component) {
          living(state);
          return keep({ base: [], ...less(state, component) });
        },
        kl: async (state, upper) => kl(state, upper),
        klUntil: async (state, upper) => ({ kl: kl(state, upper), known: [0] }),
        async *klBelowEach(state, uppers) {
          // In no certain order.
          for (const [index, upper] of [...uppers.entries()].reverse()) yield [index, kl(state, upper)];
        },
        async close(state, upper) {
          const below = { ...upper, readsAll: upper.readsAll || state.heads.length > 0 };
          prunedAbove.set(below, pruned(state, upper));
          return below;
        },
        async discard(state) {
          living(state);
          states.delete(state);
        },
        async end() {
          trials.delete(trial);
        },
      };
      trials.add(trial);
      return trial;
    },
    async keepLayer(layer, upper) {
      // A layer without candidates: here, one that has no heads.
      const heads = model.blocks[layer]?.attention?.heads ?? [];
      const below = { ...upper, readsAll: upper.readsAll || heads.length > 0 };
      prunedAbove.set(below, above(upper));
      return below;
    },
  };
}

/** Only as much of a model as says which candidates there are. */
function outline(headsByLayer: readonly number[]): Transformer {
  const nothing = constantWeight("nothing", [1, 1], Float32Array.of(0));
  const linear = { weight: nothing };
  const norm = { kind: "rms", scale: nothing, epsilon: 0 } as const;
  return {
    width: 1,
    vocabularySize: 1,
    contextLength: 1,
    tokenEmbedding: nothing,
    positions: { kind: "none" },
    finalNorm: norm,
    unembedding: nothing,
    blocks: headsByLayer.map((heads) => ({
      attention: {
        norm,
        ...groupedHeads(heads, Math.max(1, heads)),
        headWidth: 1,
        query: linear,
        key: linear,
        value: linear,
        output: linear,
        scoreScale: 1,
      },
      mlp: { norm, activation: "relu", up: linear, down: linear },
    })),
  };
}

const cases = fc.record({
  headsByLayer: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }),
  seed: fc.nat(),
  mlps: fc.boolean(),
  order: fc.constantFrom("published", "downstream"),
  // KLs lie in [0, 1): so do most of these.
  alphas: fc.array(
    fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0.1, 0.1, 0.5, -1, 0, 2)),
    {
      maxLength: 12,
    },
  ),
});

describe("a sweep", () => {
  test("gives each α what a search gives, and evaluates no state of the model twice", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ headsByLayer, seed, alphas, ...options }) => {
        const model = outline(headsByLayer);
        const evaluator = tableEvaluator(model, seed);
        const { results, evaluations, separately } = await sweep(evaluator, model, { alphas, ...options });
        expect(evaluator.held()).toBe(0);

        const asked = new Set<string>();
        let count = 0;
        for (const [index, alpha] of alphas.entries()) {
          const alone = tableEvaluator(model, seed);
          expect(results[index]).toEqual({ alpha, ...(await search(alone, model, { alpha, ...options })) });
          for (const question of alone.asked) asked.add(question);
          count += alone.asked.length;
        }
        expect(results).toHaveLength(alphas.length);
        // As a list, not a set: none of them twice.
        expect([...evaluator.asked].sort()).toEqual([...asked].sort());
        expect({ evaluations, separately }).toEqual({ evaluations: asked.size, separately: count });
      }),
      { numRuns: 400 },
    );
  });

  test("takes over any part of a journal, also one of other α, and evaluates the rest", async () => {
    await fc.assert(
      fc.asyncProperty(
        cases,
        fc.infiniteStream(fc.boolean()),
        async ({ headsByLayer, seed, alphas, ...options }, draws) => {
          const model = outline(headsByLayer);
          const journal: SweepEntry[] = [];
          const onDecision = (entry: SweepEntry) => void journal.push(entry);
          const others = [...alphas, 0.25, 0.75];
          await sweep(tableEvaluator(model, seed), model, { ...options, alphas: others, onDecision });
          const whole = await sweep(tableEvaluator(model, seed), model, { ...options, alphas });

          const resume: SweepEntry[] = JSON.parse(JSON.stringify(journal.filter(() => draws.next().value)));
          const told: SweepEntry[] = [];
          const evaluator = tableEvaluator(model, seed);
          const resumed = await sweep(evaluator, model, {
            ...options,
            alphas,
            resume,
            onDecision: (entry) => void told.push(entry),
          });
          expect(resumed).toEqual(whole);
          expect(evaluator.held()).toBe(0);
          expect(told).toHaveLength(evaluator.asked.length);
          const known = new Set(resume.map(({ path }) => path));
          expect(told.filter(({ path }) => known.has(path))).toEqual([]);
          for (const entry of told) expect(journal).toContainEqual(entry);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("tells how far it is after every evaluation, before the next", async () => {
    const model = outline([2, 1]);
    const evaluator = tableEvaluator(model, 3);
    const told: number[] = [];
    await sweep(evaluator, model, {
      alphas: [-1, 2],
      mlps: true,
      order: "published",
      async onDecision(entry, { candidate, candidates, evaluations }) {
        await Promise.resolve();
        expect(evaluations).toBe(evaluator.asked.length);
        expect(candidates).toBe(5);
        expect(candidate).toBe(entry.path.length + 1);
        told.push(candidate);
      },
    });
    // One prunes nothing, the other everything: they part at once.
    expect(told).toEqual([1, 2, 2, 3, 3, 4, 4, 5, 5]);
  });

  test("says that a journal is another search's", async () => {
    const model = outline([2, 1]);
    const resume = [{ path: "p", layer: 0, component: "head.0", kl: 0.1 }];
    const options = { alphas: [0.1], mlps: true, order: "published", resume } as const;
    await expect(sweep(tableEvaluator(model, 1), model, options)).rejects.toThrow(PithError);
    await expect(sweep(tableEvaluator(model, 1), model, options)).rejects.toThrow(/layer 0, head\.0/);
  });

  test("stops where it is told to, and hands everything back", async () => {
    const model = outline([2, 2]);
    const evaluator = tableEvaluator(model, 5);
    const abort = new AbortController();
    const stopped = sweep(evaluator, model, {
      alphas: [-1, 2],
      mlps: true,
      order: "published",
      signal: abort.signal,
      onDecision: () => {
        if (evaluator.asked.length === 4) abort.abort();
      },
    });
    await expect(stopped).rejects.toThrow(/abort/i);
    expect(evaluator.asked).toHaveLength(4);
    expect(evaluator.held()).toBe(0);
  });
});
