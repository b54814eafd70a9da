/**
 * Searches that are in this file alone: registered here, they are used by `extract`, written to circuit.json and read
 * from it, repeated on resampled prompts and told of in reports, and no other file knows of them.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { parseCircuitFile } from "../src/export/circuit-json.ts";
import {
  type ExtractOptions,
  extract,
  gatherReport,
  loadCircuit,
  loadModel,
  type Model,
  PithError,
  readTask,
  registerSearch,
  reportPage,
  type Search,
  type SearchInputs,
  type Task,
} from "../src/index.ts";
import { createRandom } from "../src/tasks/random.ts";
import { type Circuit, circuitOf, componentsOf, listsOf, wholeCircuit } from "../src/transformer/circuit.ts";
import { type Component, shapeOf } from "../src/transformer/component.ts";

const all = ({ model }: SearchInputs) => componentsOf(wholeCircuit(shapeOf(model)));

async function klOf({ evaluator, signal }: SearchInputs, circuit: Circuit): Promise<number> {
  const kls = await evaluator.measure(circuit, undefined, signal);
  return kls.reduce((sum, kl) => sum + kl, 0) / kls.length;
}

/** Keeps a layer and all that is above it, and the MLPs below where they are not on trial. */
const above: Search<{ readonly layer: number }> = {
  name: "above",
  schema: z.strictObject({ layer: z.int({ error: "must be a whole number" }).min(0) }),
  target: "none",
  async run(context, { layer }) {
    const stays = (each: Component) => each.layer >= layer || (each.kind === "mlp" && !context.mlps);
    const circuit = circuitOf(all(context).filter(stays));
    return { circuit, trace: [], kl: await klOf(context, circuit) };
  },
  describe: ({ layer }) => ({
    rule: `layers from ${layer} on`,
    decision: `A component is pruned if it is below layer ${layer}`,
    manner: ["all at once"],
  }),
};

interface Drawn {
  readonly draw: number;
  readonly kl: number;
}

/** The best of some random halves, which are drawn one after another and journaled. */
const chance: Search<{ readonly draws: number }, Drawn> = {
  name: "chance",
  schema: z.strictObject({ draws: z.int().min(1).default(3) }),
  target: "none",
  journal: {
    schema: z.object({ draw: z.int(), kl: z.number() }),
    firstFault: (_, { draws }, entries) => {
      const index = entries.findIndex(({ draw }, at) => draw !== at || draw >= draws);
      return index < 0 ? undefined : { index, why: "it is of another draw" };
    },
  },
  async run(context, { draws }) {
    const random = createRandom(context.seed);
    let best: { readonly circuit: Circuit; readonly kl: number } | undefined;
    for (let draw = 0; draw < draws; draw++) {
      context.signal?.throwIfAborted();
      const circuit = circuitOf(all(context).filter(() => random.below(2) === 1));
      const known = context.resume[draw];
      const kl = known?.kl ?? (await klOf(context, circuit));
      if (known === undefined) await context.onEntry({ draw, kl });
      context.onEvent({ kind: "progress", done: draw + 1, total: draws });
      if (best === undefined || kl < best.kl) best = { circuit, kl };
    }
    if (best === undefined) throw new RangeError("nothing was drawn");
    return { ...best, trace: [] };
  },
  describe: ({ draws }) => ({ rule: `the best of ${draws}`, decision: "Chance decided what is pruned" }),
};

let folder: string;
let model: Model;
let task: Task;
beforeAll(async () => {
  registerSearch(above);
  registerSearch(chance);
  folder = await mkdtemp(join(tmpdir(), "pith-searches-"));
  model = await loadModel("models/nano");
  task = await readTask("greater-than", {
    ...{ tokenizer: model.tokenizer, means: "aligned", seed: 0 },
    counts: { patching: 8, validation: 8, test: 6 },
  });
});
afterAll(async () => {
  await model.close();
  await rm(folder, { recursive: true });
});

const run = (name: string, options: ExtractOptions) =>
  extract(model, task, join(folder, name), { threads: 1, allowWeak: true, ...options });

test("it is used, written, read and told of", async () => {
  const { circuit, folder: out } = await run("above", { search: { name: "above", options: { layer: 4 } } });
  const layers = Array.from({ length: 6 }, (_, layer) => layer);
  const heads = [4, 5].flatMap((layer) => layers.map((head) => [layer, head]));
  expect(listsOf(circuit.kept)).toEqual({ heads, mlps: [4, 5] });

  const json = JSON.parse(await readFile(join(out, "circuit.json"), "utf8"));
  expect(json.search).toEqual({ name: "above", options: { layer: 4 }, trace: [] });
  expect(json).not.toHaveProperty("options");
  expect(json.kept).toEqual([
    { layer: 4, heads: "0-5", mlp: true },
    { layer: 5, heads: "0-5", mlp: true },
  ]);
  const shipped = await loadCircuit(out, { threads: 1 });
  expect(shipped.circuit.search).toEqual(circuit.search);
  expect(shipped.circuit.kept).toEqual(circuit.kept);
  await shipped.close();

  expect(await readFile(join(out, "README.md"), "utf8")).toContain(
    "layers from 4 on, aligned means, MLPs tried, all at once",
  );
  const page = reportPage([await gatherReport(out, { threads: 1 })]).replaceAll("\u00a0", " ");
  expect(page).toContain("layers from 4 on, mean ablation, aligned means");
  expect(page).not.toContain("α =");
});

test("whether MLPs may go, and what replaces a component, is no option of a search", async () => {
  const { circuit } = await run("heads", {
    ...{ search: { name: "above", options: { layer: 5 } }, mlps: false, ablation: "zero" },
  });
  expect(listsOf(circuit.kept).mlps).toEqual([0, 1, 2, 3, 4, 5]);
  expect(circuit).toMatchObject({
    onTrial: ["head"],
    replacement: { ablation: "zero", valueBias: "removed" },
  });
});

test("it is interrupted and resumed by its own journal", async () => {
  const search = { name: "chance", options: { draws: 4 } };
  const whole = await run("whole", { search, seed: 3 });
  const abort = new AbortController();
  const interrupted = run("resumed", {
    ...{ search, seed: 3, signal: abort.signal },
    onEvent: (event) => {
      if (event.kind === "progress" && event.step === "search" && event.done === 2)
        abort.abort(new Error("stop here"));
    },
  });
  await expect(interrupted).rejects.toThrow("stop here");
  const journal = await readFile(join(folder, ".resumed.journal.jsonl"), "utf8");
  expect(journal.trimEnd().split("\n")).toHaveLength(3);
  const resumed = await run("resumed", { search, seed: 3, resume: true });
  expect(resumed.circuit.kept).toEqual(whole.circuit.kept);
  // Another seed draws other halves: the two are not the same by accident.
  const other = await run("other", { search, seed: 4 });
  expect(other.circuit.kept).not.toEqual(whole.circuit.kept);
});

test("it is repeated on resampled prompts, and what was kept often is shipped", async () => {
  const { circuit } = await run("often", {
    ...{ search: { name: "above", options: { layer: 3 } }, bootstrap: 2, frequency: 1 },
  });
  expect(circuit.stability).toMatchObject({ runs: 2, jaccard: { components: 1 }, chosen: 1 });
  expect(listsOf(circuit.kept).mlps).toEqual([3, 4, 5]);
});

test.each<[string, ExtractOptions, string]>([
  [
    "no such search",
    { search: { name: "nothing" } },
    '"search": there is no search named "nothing". There are greedy, target,',
  ],
  [
    "an option out of bounds",
    { search: { name: "above", options: { layer: 1.5 } } },
    '"search.options.layer": is 1.5, but must be a whole number',
  ],
  ["an option of another search", { search: { name: "chance", options: { alpha: 1 } } }, "alpha"],
  [
    "options of the greedy search beside it",
    { search: { name: "chance" }, alpha: 0.1 },
    `"search": can't go with alpha.`,
  ],
  [
    "a target that it can't hold",
    { search: { name: "chance" }, target: { kind: "kl", value: 1 } },
    `"search": chance can't search for a target.`,
  ],
  ["a search for a target without one", { search: { name: "target" } }, '"search": target needs a target.'],
])("%s is refused", async (_, options, message) => {
  const refused = run("refused", options);
  await expect(refused).rejects.toThrow(PithError);
  await expect(refused).rejects.toThrow(message);
});

test("the searches that come with Pith are used by their names as well", async () => {
  const [named, short] = [
    await run("named", { search: { name: "greedy", options: { alpha: 0.1, order: "downstream" } } }),
    await run("short", { alpha: 0.1, order: "downstream" }),
  ];
  expect(named.circuit.search).toEqual(short.circuit.search);
  expect(named.circuit.search.options).toEqual({ alpha: 0.1, passes: 1, order: "downstream" });
  expect(named.circuit.kept).toEqual(short.circuit.kept);
});

test("a name is taken once", () => {
  expect(() => registerSearch(above)).toThrow("there is a search named above already.");
});

test("of a search that is not known here, the circuit is read all the same", async () => {
  const text = await readFile(join(folder, "above", "circuit.json"), "utf8");
  const { files: _, checksum: __, ...facts } = JSON.parse(text);
  const circuit = parseCircuitFile({ ...facts, search: { ...facts.search, name: "elsewhere" } });
  expect(circuit.search).toEqual({ name: "elsewhere", options: { layer: 4 }, trace: [] });
  expect(() => parseCircuitFile({ ...facts, search: { ...facts.search, options: { layer: -1 } } })).toThrow(
    '"search.options.layer"',
  );
});
