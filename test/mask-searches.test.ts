/** Searches by gates on a small random model: targets hold, what may not be pruned stays, and a signal ends them. */
import { afterAll, describe, expect, test } from "vitest";
import { gateMeansOf } from "../src/discovery/gates/gate-means.ts";
import { openGates } from "../src/discovery/gates/open-gates.ts";
import { mean } from "../src/discovery/mean.ts";
import { prepareSearch } from "../src/discovery/prepare.ts";
import { headsAndNeurons, searchUnitsNamed } from "../src/discovery/search-units.ts";
import { searchNamed } from "../src/discovery/searches/index.ts";
import type { SearchInputs, SearchOutcome } from "../src/discovery/searches/search.ts";
import type { SearchOptionValues, SearchUse } from "../src/discovery/searches/use-search.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import {
  componentsOf,
  countKept,
  keeps,
  keepsMlp,
  sameCircuit,
  wholeCircuit,
} from "../src/transformer/circuit.ts";
import { bodyShare } from "../src/transformer/circuit-size.ts";
import { shapeOf } from "../src/transformer/component.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";

const runtime = inlineRuntime({ threads: 1 });
afterAll(() => runtime.close());

const model = randomTransformer();
const [patching, validation] = [1, 2].map((seed) =>
  randomPrompts(Array<number>(8).fill(6), model.vocabularySize, seed),
) as [readonly (readonly number[])[], readonly (readonly number[])[]];

const names = ["ranked", "iterative", "learned"] as const;
const options = { ranked: {}, iterative: {}, learned: { steps: 40, batch: 4 } };

type OpenSearchJournal = NonNullable<Parameters<SearchUse["run"]>[1]>;
const grid = Array.from({ length: 12 }, (_, at) => 0.02 ** (1 - at / 11));

interface Found {
  readonly outcome: SearchOutcome;
  /** KL of the circuit, by a pass of its own. */
  readonly kl: number;
  /** The same of each cut. */
  readonly cutKls: readonly number[];
}

async function find(
  name: (typeof names)[number],
  given: Partial<SearchInputs> = {},
  own: SearchOptionValues = {},
  openJournal?: OpenSearchJournal,
): Promise<Found> {
  const { evaluator, replacements } = await prepareSearch(
    runtime,
    model,
    { patching, validation },
    { ablation: "mean", means: "aligned", neurons: true },
  );
  const withIds = (ids: readonly number[]) => ({ ids, accepted: [[]] });
  try {
    const outcome = await searchNamed(name)
      .use({ ...options[name], ...own })
      .run(
        {
          ...{ model, evaluator, replacements, mlps: true, units: headsAndNeurons, target: undefined },
          ...{ isRight: undefined, seed: 0, signal: undefined, onEvent: () => {} },
          openGates: async () =>
            openGates(
              runtime,
              model,
              { patching: patching.map(withIds), validation: validation.map(withIds) },
              gateMeansOf(model, replacements),
            ),
          ...given,
        },
        openJournal,
      );
    const cutKls: number[] = [];
    for (const { circuit } of outcome.cuts ?? []) cutKls.push(mean(await evaluator.measure(circuit)));
    return { outcome, kl: mean(await evaluator.measure(outcome.circuit)), cutKls };
  } finally {
    await evaluator.close();
  }
}

describe.each(names)("%s", (name) => {
  test("holds a KL, and the circuit says what it reaches", async () => {
    const target = { kind: "kl", value: 0.02 } as const;
    const { outcome, kl } = await find(name, { target });
    expect(kl).toBeLessThanOrEqual(target.value);
    expect(outcome.met?.reached.kl).toBeCloseTo(kl, 6);
    expect(outcome.met?.reached.size).toBeCloseTo(bodyShare(model, outcome.circuit), 10);
    expect(bodyShare(model, outcome.circuit)).toBeLessThan(1);
  });

  test("a KL that only the whole model has gives the whole model", async () => {
    const { outcome } = await find(name, { target: { kind: "kl", value: 0 } });
    expect(sameCircuit(outcome.circuit, wholeCircuit(shapeOf(model)))).toBe(true);
  });

  test("holds a size", async () => {
    const { outcome } = await find(name, { target: { kind: "size", value: 0.3 } });
    expect(bodyShare(model, outcome.circuit)).toBeLessThanOrEqual(0.3);
    expect(bodyShare(model, outcome.circuit)).toBeGreaterThan(0.2);
  });

  test("holds an accuracy", async () => {
    // Right is what the original says on most prompts: a token below the middle of the vocabulary, or not.
    const isRight = (_: number, logits: Float32Array) => logits.indexOf(Math.max(...logits)) >= 0;
    const { outcome } = await find(name, { target: { kind: "accuracy", value: 1 }, isRight });
    expect(outcome.met?.reached.accuracy).toBe(1);
    // Every token is right, so nothing is needed.
    expect(countKept(outcome.circuit)).toEqual({ head: 0, mlp: 0, neuron: 0 });
  });

  test("without MLPs on trial, each of them stays whole", async () => {
    const { outcome } = await find(name, { mlps: false, target: { kind: "kl", value: 0.5 } });
    for (const layer of model.blocks.keys()) expect(keepsMlp(outcome.circuit, layer)).toBe(true);
    expect(countKept(outcome.circuit).neuron).toBe(0);
  });

  test("its ranking, if it has one, gives cuts of all sizes, each within the next", async () => {
    const target = { kind: "kl", value: 0.02 } as const;
    const { outcome, cutKls } = await find(name, { target, cuts: true });
    if (name === "iterative") expect(outcome.cuts).toBeUndefined();
    else {
      const cuts = outcome.cuts ?? [];
      const sizes = cuts.map(({ size }) => size);
      expect(sizes).toEqual([...new Set(sizes)].sort((one, other) => one - other));
      // Twelve sizes from 0.02 to 1 at equal ratios; no component is as small as the least of them.
      for (const size of sizes)
        expect(grid.some((share) => size <= share + 1e-3 && size > share / 1.43 - 0.02)).toBe(true);
      expect(sizes.length).toBeGreaterThan(8);
      for (const [at, { circuit, size, kl }] of cuts.entries()) {
        expect(size).toBeCloseTo(bodyShare(model, circuit), 10);
        expect(kl).toBeCloseTo(cutKls[at] ?? Number.NaN, 6);
        const next = cuts[at + 1]?.circuit ?? wholeCircuit(shapeOf(model));
        expect(componentsOf(circuit).filter((component) => !keeps(next, component))).toEqual([]);
      }
      expect(cuts.at(-1)).toMatchObject({ size: 1, kl: expect.closeTo(0, 6) });
    }
  });

  test("units of several components go together", async () => {
    const units = searchUnitsNamed("attention-layers");
    const { outcome } = await find(name, { units, target: { kind: "kl", value: 0.05 } });
    const { heads } = { heads: shapeOf(model).map((layer) => layer.heads.length) };
    const kept = countKept(outcome.circuit).head;
    expect(kept % (heads[0] ?? 1)).toBe(0);
  });

  test("an aborted signal ends it with its reason", async () => {
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await expect(find(name, { signal: controller.signal })).rejects.toThrow("enough");
  });
});

test("a ranking that does not score the candidates is refused before anything runs", async () => {
  const openGates = () => Promise.reject(new Error("gates were opened"));
  const refused = find("ranked", { openGates }, { ranking: "wifv" });
  await expect(refused).rejects.toThrow("is wifv, which does not score heads");
});

test("the learned search goes on with its journal's scores only where they are of the same units", async () => {
  type Entry = Readonly<Record<string, unknown>>;
  const journalOf =
    (resumed: readonly Entry[], entries: Entry[] = []): OpenSearchJournal =>
    async (schema, firstFault) => {
      const parsed = resumed.map((entry) => schema.parse(entry));
      const fault = firstFault(parsed);
      if (fault !== undefined) throw new Error(`entry ${fault.index}: ${fault.why}`);
      return { resumed: parsed, append: async (entry) => void entries.push(entry as Entry) };
    };
  const target = { kind: "kl", value: 0.1 } as const;
  const written: Entry[] = [];
  const { outcome } = await find("learned", { target }, {}, journalOf([], written));
  expect(written.map((entry) => Object.keys(entry))).toEqual([["open"], ["scores"]]);
  const again: Entry[] = [];
  const resumed = await find("learned", { target }, {}, journalOf(written, again));
  expect(sameCircuit(resumed.outcome.circuit, outcome.circuit)).toBe(true);
  expect(again).toEqual([]);
  const [open, scores] = written as [Entry, Entry];
  const others = find("learned", { target }, {}, journalOf([{ open: "0-2" }, scores]));
  await expect(others).rejects.toThrow("scored other components");
  await expect(find("learned", { target }, {}, journalOf([scores]))).rejects.toThrow("entry 0: nothing");
  await expect(find("learned", { target }, {}, journalOf([open, scores, open]))).rejects.toThrow("entry 2");
});
