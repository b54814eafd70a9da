/** Journals of interrupted searches, sweeps, targets and bootstraps: what their entries can be, and what they can not. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { faultInRuns } from "../src/discovery/check-runs.ts";
import { followSweep } from "../src/discovery/follow-sweep.ts";
import type { Decision } from "../src/discovery/searches/decision.ts";
import { faultInDecisions } from "../src/discovery/searches/greedy/check-decisions.ts";
import { candidates, mayGo } from "../src/discovery/searches/greedy/search.ts";
import { faultInAssessment } from "../src/discovery/searches/target/check-assessment.ts";
import type { SweepEntry } from "../src/discovery/sweep.ts";
import { circuitKey, circuitOfLists, keeps, wholeCircuit, without } from "../src/transformer/circuit.ts";
import { nameInLayer, shapeOf } from "../src/transformer/component.ts";
import { randomTransformer } from "./support/random-transformer.ts";

const model = randomTransformer({ layers: 2, heads: 3 });
const rule = { mlps: true, order: "published", maxKl: undefined } as const;
const all = candidates(model, rule);
const kl = fc.double({ min: 0, max: 1, noNaN: true });

/** A search as the rule makes it, for KLs that are drawn. */
function decide(alpha: number, passes: number, kls: readonly number[]): readonly Decision[] {
  const trace: Decision[] = [];
  let [circuit, current] = [wholeCircuit(shapeOf(model)), 0];
  for (let pass = 1; pass <= passes; pass++) {
    const gone = [];
    for (const component of all.filter((each) => keeps(circuit, each))) {
      const found = kls[trace.length % kls.length] ?? 0;
      const delta = found - current;
      const pruned = mayGo(found, delta, alpha, undefined);
      const { layer } = component;
      trace.push({
        ...{ layer, component: nameInLayer(component), kl: found, delta, pruned },
        ...(pass > 1 && { pass }),
      });
      if (!pruned) continue;
      current = found;
      gone.push(component);
    }
    if (gone.length === 0) break;
    circuit = without(circuit, gone);
  }
  return trace;
}

describe("a search's decisions", () => {
  const options = { ...rule, alpha: 0.1, passes: 3 };
  const traces = fc.array(kl, { minLength: 5, maxLength: 30 }).map((kls) => decide(0.1, 3, kls));

  test("are believed as far as they go, through all passes", () => {
    fc.assert(
      fc.property(traces, fc.nat(), (trace, length) => {
        const some = trace.slice(0, length % (trace.length + 1));
        expect(faultInDecisions(model, options, JSON.parse(JSON.stringify(some)))).toBeUndefined();
      }),
    );
  });

  test.each<[string, (decision: Decision) => Decision, RegExp]>([
    ["layer", (each) => ({ ...each, layer: each.layer + 1 }), /it stands for layer/],
    ["component", (each) => ({ ...each, component: "head.9" }), /it stands for layer \d, head\.9, where/],
    ["KL", (each) => ({ ...each, kl: Number.NaN }), /its KL is not finite/],
    ["KL", (each) => ({ ...each, kl: each.kl + 0.5 }), /it says that it grew by/],
    ["fate", (each) => ({ ...each, pruned: !each.pruned }), /(keeps|prunes) a component at α = 0\.1/],
    ["pass", (each) => ({ ...each, pass: 7 }), /it is of another pass than/],
  ])("of another %s than their step's are named", (_, change, why) => {
    fc.assert(
      fc.property(traces, fc.nat(), (trace, at) => {
        const index = at % trace.length;
        const changed = trace.map((each, step) => (step === index ? change(each) : each));
        expect(faultInDecisions(model, options, changed)).toEqual({ index, why: expect.stringMatching(why) });
      }),
    );
  });

  test("after the search's end are named", () => {
    const trace = decide(0.1, 1, [1]);
    const index = trace.length;
    expect(faultInDecisions(model, options, [...trace, ...trace])).toEqual({
      index,
      why: "the search had ended before it",
    });
  });
});

describe("a sweep's evaluations", () => {
  const alphas = [0.01, 0.1, 0.5];
  /** Level by level, as groups of thresholds split; KLs are drawn. */
  const evaluate = (kls: readonly number[]): readonly SweepEntry[] => {
    const entries: SweepEntry[] = [];
    let groups = [{ path: "", alphas, kl: 0 }];
    for (const component of all) {
      groups = groups.flatMap((group) => {
        const found = kls[entries.length % kls.length] ?? 0;
        entries.push({
          ...{ path: group.path, layer: component.layer, component: nameInLayer(component), kl: found },
        });
        const goes = group.alphas.filter((alpha) => mayGo(found, found - group.kl, alpha, undefined));
        const stays = group.alphas.filter((alpha) => !goes.includes(alpha));
        return [
          { path: `${group.path}p`, alphas: goes, kl: found },
          { path: `${group.path}k`, alphas: stays, kl: group.kl },
        ].filter((each) => each.alphas.length > 0);
      });
    }
    return entries;
  };
  const sweeps = fc.array(kl, { minLength: 5, maxLength: 40 }).map(evaluate);
  const follow = () => followSweep(model, { ...rule, alphas });
  const firstFault = (entries: readonly SweepEntry[]) => {
    const follower = follow();
    return entries.findIndex((entry) => follower.take(entry) !== undefined);
  };

  test("are believed, and make each threshold's circuit when they are all there", () => {
    fc.assert(
      fc.property(sweeps, (entries) => {
        const follower = follow();
        for (const [index, entry] of entries.entries()) {
          if (index < all.length) expect(follower.circuitAt(0.1)).toBeUndefined();
          expect(follower.take(entry)).toBeUndefined();
        }
        expect(follower.entries).toBe(entries.length);
        const paths = new Map(entries.map((entry) => [entry.path, entry.kl]));
        for (const alpha of alphas) {
          let [path, before] = ["", 0];
          for (const _ of all) {
            const found = paths.get(path) ?? Number.NaN;
            const goes = found - before < alpha;
            [path, before] = [`${path}${goes ? "p" : "k"}`, goes ? found : before];
          }
          const gone = all.filter((_, step) => path[step] === "p");
          expect(follower.circuitAt(alpha)).toEqual(without(wholeCircuit(shapeOf(model)), gone));
        }
      }),
    );
  });

  test.each<[string, (entry: SweepEntry) => SweepEntry]>([
    ["another component", (entry) => ({ ...entry, component: "head.9" })],
    ["another layer", (entry) => ({ ...entry, layer: 9 })],
    ["no finite KL", (entry) => ({ ...entry, kl: Number.POSITIVE_INFINITY })],
    ["a path that no threshold takes", (entry) => ({ ...entry, path: `${entry.path}x` })],
  ])("with %s are named", (_, change) => {
    fc.assert(
      fc.property(sweeps, fc.nat(), (entries, at) => {
        const index = at % entries.length;
        expect(firstFault(entries.map((each, step) => (step === index ? change(each) : each)))).toBe(index);
      }),
    );
  });

  test("twice, or before what leads to them, are named", () => {
    const entries = evaluate([0.05]);
    expect(firstFault([...entries, ...entries.slice(-1)])).toBe(entries.length);
    expect(firstFault(entries.slice(1))).toBe(0);
  });
});

describe("circuits", () => {
  const whole = circuitKey(wholeCircuit(shapeOf(model)));
  test.each([
    [{ circuit: whole, kl: 0.1, accuracy: 1 }, undefined],
    [{ circuit: "", kl: 0.1 }, undefined],
    [{ circuit: "0.0 1.mlp", kl: 0.1 }, undefined],
    [{ circuit: "1.mlp 0.0", kl: 0.1 }, /"0\.0" is no component of the model in its place/],
    [{ circuit: "0.3", kl: 0.1 }, /"0\.3" is no component/],
    [{ circuit: "0.0 0.0", kl: 0.1 }, /"0\.0" is no component/],
    [{ circuit: whole, kl: Number.NaN }, /KL is not finite/],
    [{ circuit: whole, kl: 0, accuracy: 1.5 }, /accuracy is no share/],
  ])("%j", (entry, why) => {
    const found = faultInAssessment(model, entry);
    if (why === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(why);
  });

  test("of a bootstrap's runs are of the model, one for each run", () => {
    const run = (index: number, head = 0) => ({
      run: index,
      circuit: circuitOfLists({ heads: [[0, head]], mlps: [1] }),
      kl: 0.2,
    });
    expect(faultInRuns(model, [run(1), run(0)])).toBeUndefined();
    expect(faultInRuns(model, [run(1), run(1)])?.index).toBe(1);
    expect(faultInRuns(model, [run(1), run(0, 3)])).toEqual({
      index: 1,
      why: '"0.3" is no component of the model in its place',
    });
  });
});
