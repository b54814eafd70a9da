/**
 * What a search tries as one candidate: key/value groups, and units that are in this file alone. Registered here, they
 * are searched, journaled, written to circuit.json and read from it, and no other file knows of them.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEvaluator } from "../src/discovery/evaluator/evaluator.ts";
import { searchUnitsNamed, unitsOnTrial } from "../src/discovery/search-units.ts";
import type { Decision } from "../src/discovery/searches/decision.ts";
import { search } from "../src/discovery/searches/greedy/search.ts";
import { parseCircuitFile } from "../src/export/circuit-json.ts";
import {
  type ExtractOptions,
  extract,
  gatherReport,
  knownSearchUnits,
  loadModel,
  type Model,
  readTask,
  registerSearchUnits,
  reportPage,
  type SearchUnit,
  type SearchUnits,
  type Task,
} from "../src/index.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { keepsMlp, keptHeads, without } from "../src/transformer/circuit.ts";
import { nameInLayer, nameInModel } from "../src/transformer/component.ts";
import { naive, naiveForward, naiveKl, naiveReplacements, naiveWhole } from "./support/naive-transformer.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";
import { makeReplacements, runSearch } from "./support/run-search.ts";

/** All heads of a layer at once, and its MLP. */
const attentionLayers = searchUnitsNamed("attention-layers");

/** A whole layer at once. */
const wholeLayers: SearchUnits = {
  name: "whole-layers",
  sentence: "A layer's heads and its MLP together.",
  unitsOf: (parts) => [attentionLayers.unitsOf(parts).flat()],
};

/** Leaves out the last head. */
const faulty: SearchUnits = {
  name: "faulty",
  sentence: "All but a head.",
  unitsOf: (parts) => attentionLayers.unitsOf({ ...parts, heads: parts.heads.slice(1) }),
};

const runtime = inlineRuntime({ threads: 1 });
let folder: string;
let nano: Model;
let task: Task;
beforeAll(async () => {
  for (const units of [wholeLayers, faulty]) registerSearchUnits(units);
  folder = await mkdtemp(join(tmpdir(), "pith-units-"));
  nano = await loadModel("models/nano");
  task = await readTask("greater-than", {
    ...{ tokenizer: nano.tokenizer, means: "aligned", seed: 0 },
    counts: { patching: 8, validation: 8, test: 6 },
  });
});
afterAll(async () => {
  await nano.close();
  await runtime.close();
  await rm(folder, { recursive: true });
});

const models = {
  sequential: randomTransformer({ layers: 3, heads: 4, keyValueHeads: 2, width: 6, headWidth: 2, seed: 4 }),
  "parallel, with norms behind the parts": randomTransformer({
    ...{ layers: 2, heads: 6, keyValueHeads: 2, width: 6, headWidth: 2, seed: 9 },
    ...{ arrangement: "parallel", postNorms: true, norm: "rms" },
  }),
  "a norm of all heads together": randomTransformer({
    ...{ layers: 2, heads: 4, keyValueHeads: 2, width: 6, headWidth: 2, seed: 5 },
    ...{ norm: "rms", projectionNorms: "joint", positions: "halves" },
  }),
};
const patching = randomPrompts([5, 5, 5, 5], 31, 2);
const validation = randomPrompts([5, 5, 5], 31, 3);

describe.each(Object.entries(models))("%s", (_, model) => {
  test.each([
    ["kv-groups", "published"],
    ["kv-groups", "downstream"],
    ["attention-layers", "published"],
    ["whole-layers", "published"],
  ] as const)("%s, %s: every decision is that of whole passes in float64", async (name, order) => {
    const units = searchUnitsNamed(name);
    const tried = unitsOnTrial(model, { units, mlps: true, order });
    const book = await naive(model);
    const replacements = naiveReplacements(book, patching, "pooled");
    let circuit = naiveWhole(book);
    const logitsOf = (of: typeof circuit) =>
      validation.map((ids) => naiveForward(book, ids, of, replacements).logits);
    const original = logitsOf(circuit);
    const klWithout = (unit: SearchUnit) => {
      const rows = logitsOf(without(circuit, unit));
      return rows.reduce((sum, row, at) => sum + naiveKl(original[at] ?? [], row), 0) / rows.length;
    };
    // Between what the first candidates cost, so that some go and some stay.
    const costs = tried.map(klWithout).sort((a, b) => a - b);
    const middle = Math.floor(costs.length / 2);
    const alpha = ((costs[middle - 1] ?? 0) + (costs[middle] ?? 0)) / 2;
    let current = 0;
    const expected = tried.map((unit) => {
      const kl = klWithout(unit);
      const pruned = kl - current < alpha;
      if (pruned) [circuit, current] = [without(circuit, unit), kl];
      const [first = "", ...also] = unit.map(nameInLayer);
      return { layer: unit[0]?.layer, component: first, also, kl, pruned };
    });

    const options = { alpha, mlps: true, order, units };
    const found = await runSearch(runtime, model, { ablation: "pooled", patching, validation, ...options });
    const together = await createEvaluator(
      runtime,
      model,
      validation,
      await makeReplacements(runtime, model, "pooled", patching),
      { tokensTogether: 64 },
    );
    const ahead = await search(together, model, options);
    await together.close();
    const plain = ({ layer, component, also = [], pruned }: Decision) => ({ layer, component, also, pruned });
    for (const { trace, circuit: kept } of [found, ahead]) {
      expect(trace.map(plain)).toEqual(expected.map(({ kl: _kl, ...decision }) => decision));
      const worst = Math.max(...trace.map(({ kl }, step) => Math.abs(kl - (expected[step]?.kl ?? 0))));
      expect(worst).toBeLessThan(1e-4);
      expect(kept).toEqual(circuit);
    }
  });
});

test("units of a layer are its components, each once, or the search is refused", () => {
  const { transformer } = nano;
  const options = { mlps: true, order: "published" } as const;
  const fault = () => unitsOnTrial(transformer, { ...options, units: faulty });
  expect(fault).toThrow("lack 0.head.0");
  expect(() => searchUnitsNamed("layers", "--components")).toThrow("kv-groups");
  expect(() => registerSearchUnits(attentionLayers)).toThrow("already");
  expect(knownSearchUnits().map(({ name }) => name)).toContain("attention-layers");
});

test("heads alone: an MLP that may not go is in no unit", () => {
  const units = unitsOnTrial(nano.transformer, { units: wholeLayers, mlps: false, order: "published" });
  expect(units.map((unit) => unit.map(nameInModel).at(-1))).toEqual([
    "5.head.5",
    "4.head.5",
    "3.head.5",
    "2.head.5",
    "1.head.5",
    "0.head.5",
  ]);
});

const run = (name: string, options: ExtractOptions) =>
  extract(nano, task, join(folder, name), { threads: 1, allowWeak: true, ...options });

test("they are searched, written, read, resumed and told of", async () => {
  const components = "attention-layers";
  const { circuit, folder: out } = await run("layers", { components, alpha: 0.5 });
  expect(circuit.triedAs).toBe(components);
  expect(circuit.search.trace[0]).toMatchObject({
    ...{ layer: 5, component: "head.0", also: ["head.1", "head.2", "head.3", "head.4", "head.5"] },
  });
  for (const { layer, component, pruned } of circuit.search.trace) {
    if (component === "mlp") expect(keepsMlp(circuit.kept, layer)).toBe(!pruned);
    else expect(keptHeads(circuit.kept, layer)).toHaveLength(pruned ? 0 : 6);
  }
  const text = await readFile(join(out, "circuit.json"), "utf8");
  expect(parseCircuitFile(JSON.parse(text), "circuit.json").search).toEqual(circuit.search);
  expect(await readFile(join(out, "README.md"), "utf8")).toContain("tried as attention-layers");
  const page = reportPage([await gatherReport(out, { threads: 1 })]);
  expect(page).toContain("Components were tried together, as attention-layers.");

  const abort = new AbortController();
  let decided = 0;
  const interrupted = run("again", {
    ...{ components, alpha: 0.5, signal: abort.signal },
    onEvent(event) {
      if (event.kind === "decision" && ++decided === 4) abort.abort(new Error("enough"));
    },
  });
  await expect(interrupted).rejects.toThrow("enough");
  // Another search's journal.
  await expect(run("again", { alpha: 0.5, resume: true })).rejects.toThrow(/search/);
  const resumed = await run("again", { components, alpha: 0.5, resume: true });
  expect(resumed.circuit.search.trace).toEqual(circuit.search.trace);
});

test("a search for a target tries each component by itself", async () => {
  const target = { kind: "kl", value: 1 } as const;
  await expect(run("target", { components: "kv-groups", target })).rejects.toThrow("by itself");
  await expect(run("stranger", { components: "rows" })).rejects.toThrow('named "rows"');
});
