/**
 * Kept heads whose writes are cut to a lower rank: the golden values, the standalone model against the patched one, and
 * what is shipped.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cutCircuit } from "../src/cut/cut-circuit.ts";
import type { HeadCut } from "../src/cut/head-cut.ts";
import { patchedCut } from "../src/cut/patched.ts";
import { writeDirections } from "../src/cut/write-directions.ts";
import { meanReplacements, type Replacements } from "../src/discovery/replacements.ts";
import { valueMoments } from "../src/discovery/value-moments.ts";
import { parseCircuitFile } from "../src/export/circuit-json.ts";
import {
  type CircuitFile,
  type ExtractOptions,
  extract,
  loadCircuit,
  loadModel,
  type Model,
  readTask,
  type Task,
} from "../src/index.ts";
import { compileFolder } from "../src/jobs/compile/compile.ts";
import { convertCircuit } from "../src/jobs/convert/convert.ts";
import { openGraph } from "../src/jobs/read-graph.ts";
import { type CacheShape, withCaches } from "../src/lowering/cache-heads.ts";
import { lowerDecoder } from "../src/lowering/decoder.ts";
import { answerLogits, scoredAtEnd } from "../src/measure/answer-logits.ts";
import { klDivergence, largestDifference } from "../src/measure/distribution.ts";
import { type Circuit, circuitOfLists, keptHeads, keptLayers, listsOf } from "../src/transformer/circuit.ts";
import { indicesBelow } from "../src/transformer/component.ts";
import type { FoldedTransformer, Transformer } from "../src/transformer/transformer.ts";
import { loadNano, runtime, tasks, temporaryFolder } from "./support/export-circuit.ts";
import { modelShapes } from "./support/random-cases.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";
import { runCli } from "./support/run-cli.ts";
import {
  alignedLogits,
  type DecoderStep,
  decoderLogits,
  decoderStep,
  emptyCache,
  found,
  originalLogits,
} from "./support/run-model.ts";
import { makeReplacements, type Prompts, type ReplacementKind } from "./support/run-search.ts";

async function cutTo(
  model: Transformer,
  circuit: Circuit,
  replacements: Replacements,
  patching: Prompts,
  rankOf: (layer: number) => number,
): Promise<HeadCut> {
  const layers = keptLayers(circuit).filter((layer) => keptHeads(circuit, layer).length > 0);
  const heads = new Map(layers.map((layer) => [layer, keptHeads(circuit, layer)]));
  const moments = await valueMoments(runtime, model, patching, circuit, replacements);
  const directions = await writeDirections(model, heads, moments);
  return new Map([...directions].map(([layer, own]) => [layer, { ...own, rank: rankOf(layer) }]));
}

async function patchedLogits(
  model: Transformer,
  circuit: Circuit,
  replacements: Replacements,
  cut: HeadCut,
  prompts: Prompts,
): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  const patched = patchedCut(model, circuit, replacements, cut);
  await answerLogits(
    runtime,
    patched.model,
    prompts.map(scoredAtEnd),
    (index, logits) => {
      rows[index] = logits.slice();
    },
    { gates: patched.gates },
  );
  return rows;
}

const distance = (a: readonly Float32Array[], b: readonly Float32Array[]): number =>
  Math.max(...a.map((row, index) => largestDifference(row, found(b[index]))));

interface Golden {
  readonly patching_ids: Prompts;
  readonly validation_ids: Prompts;
  readonly circuit: {
    readonly kept_heads: readonly (readonly [layer: number, head: number])[];
    readonly kept_mlps: readonly number[];
    readonly value_output_rank: readonly { readonly rank: number; readonly kl: number }[];
  };
}

test.each(tasks)("golden KL at every rank: %s", async (task) => {
  const golden: Golden = JSON.parse(await readFile(`test/golden/science/nano-${task}.science.json`, "utf8"));
  const { patching_ids: patching, validation_ids: validation } = golden;
  const nano = await loadNano();
  const circuit = circuitOfLists({ heads: golden.circuit.kept_heads, mlps: golden.circuit.kept_mlps });
  const replacements = await meanReplacements(runtime, nano, patching, "aligned");
  const original = await originalLogits(runtime, nano, validation);
  const whole = await cutTo(nano, circuit, replacements, patching, () => 32);
  for (const { rank, kl } of golden.circuit.value_output_rank) {
    const cut = new Map([...whole].map(([layer, own]) => [layer, { ...own, rank }]));
    const own = await alignedLogits(runtime, await cutCircuit(nano, circuit, replacements, cut), validation);
    const kls = original.map((row, at) => klDivergence(row, found(own[at])));
    expect(Math.abs(kls.reduce((sum, each) => sum + each, 0) / kls.length - kl)).toBeLessThan(1e-4);
    if (rank === 8)
      expect(distance(await patchedLogits(nano, circuit, replacements, cut, validation), own)).toBeLessThan(
        1e-4,
      );
  }
});

/** The logits after a prompt whose first four tokens were put into caches of one shape. */
async function afterCache(
  standalone: FoldedTransformer,
  shape: CacheShape,
  prompt: readonly number[],
): Promise<Float32Array> {
  const session = await runtime.load(withCaches(lowerDecoder(standalone, "portable"), shape));
  let cache: DecoderStep["cache"] | undefined;
  let logits: Float32Array | undefined;
  for (const [from, end] of [
    [0, 4],
    [4, prompt.length],
  ] as const) {
    const positions = [indicesBelow(end).slice(from)];
    const feeds = { ids: [prompt.slice(from, end)], mask: [Array<number>(end).fill(1)], positions };
    const step: DecoderStep = await decoderStep(
      ...([runtime, session, standalone, feeds] as const),
      cache ?? emptyCache(standalone, 1, shape.heads),
    );
    cache = step.cache;
    logits = step.logits[0]?.at(-1);
  }
  await session.unload();
  return found(logits);
}

describe("standalone = patched", () => {
  const cases = modelShapes({ layers: { min: 1, max: 3 }, heads: [2, 4] }).chain((options) =>
    fc.record({
      options: fc
        .record({
          headWidth: fc.integer({ min: 2, max: 5 }),
          keyValueHeads: fc.constantFrom(1, 2, options.heads),
        })
        .map((own) => ({ ...options, ...own })),
      heads: fc.subarray(
        indicesBelow(options.layers).flatMap((layer) =>
          indicesBelow(options.heads).map((head) => [layer, head] as const),
        ),
        { minLength: 1 },
      ),
      mlps: fc.subarray(indicesBelow(options.layers)),
      ablation: fc.constantFrom<ReplacementKind>("aligned", "pooled", "apart", "zero"),
      low: fc.nat(9),
    }),
  );

  test("in every profile, of random models of every arrangement", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ options, heads, mlps, ablation, low }) => {
        const model = randomTransformer(options);
        const { vocabularySize } = model;
        const circuit = circuitOfLists({ heads, mlps });
        const lengths = ablation === "aligned" ? [5, 5, 5, 5] : [1, 4, 6, 4];
        const patching = randomPrompts(lengths, vocabularySize, 3);
        const replacements = await makeReplacements(runtime, model, ablation, patching);
        const cut = await cutTo(
          model,
          circuit,
          replacements,
          patching,
          (layer) => 1 + ((low + layer) % (options.headWidth - 1)),
        );
        const standalone = await cutCircuit(model, circuit, replacements, cut);
        for (const [layer, { rank }] of cut) {
          const { value, output, heads: own, keyValueHeads } = found(standalone.blocks[layer]?.attention);
          const shapes = [value, output].map(({ weight, transposed }) =>
            transposed ? weight.shape.toReversed() : weight.shape,
          );
          expect(shapes).toEqual([
            [model.width, keyValueHeads.length * rank],
            [own.length * rank, model.width],
          ]);
        }
        const even = randomPrompts([5, 5, 5], vocabularySize);
        const patched = (prompts: Prompts) => patchedLogits(model, circuit, replacements, cut, prompts);
        expect(distance(await patched(even), await alignedLogits(runtime, standalone, even))).toBeLessThan(
          1e-4,
        );
        if (ablation === "aligned") return;
        const uneven = randomPrompts([1, 4, 7, 4], vocabularySize);
        const expected = await patched(uneven);
        expect(distance(expected, await decoderLogits(runtime, standalone, uneven))).toBeLessThan(1e-4);
        const caches = { heads: options.keyValueHeads, headWidth: options.headWidth };
        const last = await afterCache(standalone, caches, found(uneven[2]));
        expect(largestDifference(last, found(expected[2]))).toBeLessThan(1e-4);
      }),
      { numRuns: 25 },
    );
  });
});

describe("an extraction", () => {
  let model: Model;
  let task: Task;
  let folder: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    model = await loadModel("models/nano");
    const lines = (await readFile("test/golden/nano-ioi.jsonl", "utf8")).trim().split("\n");
    const some = (split: string, from: number, to: number) =>
      lines
        .map((line): { split: string } => JSON.parse(line))
        .filter((example) => example.split === split)
        .slice(from, to);
    const test = some("validation", 12, 20).map((example) => ({ ...example, split: "test" }));
    const path = join(folder, "ioi.jsonl");
    const chosen = [...some("patching", 0, 12), ...some("validation", 0, 12), ...test];
    await writeFile(path, chosen.map((example) => `${JSON.stringify(example)}\n`).join(""));
    task = await readTask(path);
  });
  afterAll(() => model.close());

  const cut = (name: string, options: ExtractOptions) =>
    extract(model, task, join(folder, name), { threads: 1, alpha: 0.1, mlps: false, ...options });
  const bodyOf = ({ kept }: CircuitFile, ranks: ReadonlyMap<number, number>) => {
    const { heads, mlps } = listsOf(kept);
    const ofHeads = heads.map(([layer]) => 2 * 192 * (32 + found(ranks.get(layer))));
    return ofHeads.reduce((sum, each) => sum + each, 0) + mlps.length * 2 * 192 * 768;
  };
  const predictionsOf = async (directory: string, dtype?: "int8") => {
    const circuit = await loadCircuit(directory, { threads: 1, ...(dtype && { dtype }) });
    const first = await circuit.predict(found(task.examples[0]).prompt);
    await circuit.close();
    return first;
  };

  test("ships values as wide as the rank, in caches of either kind and in every format", async () => {
    const { circuit, folder: exact } = await cut("exact", {
      ...{ headRank: 8, means: "pooled", caches: "exact", formats: ["int8"] },
    });
    const { headRank, metrics } = circuit;
    const ranks = new Map(found(headRank).layers.map(({ layer, rank }) => [layer, rank]));
    expect(found(headRank).layers.every(({ rank, of }) => rank === 8 && of === 32)).toBe(true);
    expect(metrics.parameters.circuit.body).toBe(bodyOf(circuit, ranks));
    expect(found(headRank).body.cut).toBe(metrics.parameters.circuit.body);
    expect(metrics.verified).toBeLessThan(1e-4);
    const caches = await cachesIn(exact);
    expect(new Set(caches.map(([name, shape]) => [name.split(".").at(-1), shape[3]].join(" ")))).toEqual(
      new Set(["key 32", "value 8"]),
    );
    const written = JSON.parse(await readFile(join(exact, "circuit.json"), "utf8"));
    const { files: _, checksum: __, ...open } = written;
    const changed = (layers: readonly object[]) =>
      parseCircuitFile({ ...open, headRank: { ...open.headRank, layers } });
    const { layers } = open.headRank;
    expect(changed(layers).headRank).toEqual(headRank);
    expect(() => changed(layers.slice(1))).toThrow("headRank.layers");
    expect(() => changed([{ ...layers[0], rank: 9 }, ...layers.slice(1)])).toThrow("values are 8 wide");
    const expected = await predictionsOf(exact);
    const converted = join(folder, "converted");
    await convertCircuit(exact, converted, { dtype: "f16", caches: "uniform", task, threads: 1 });
    expect((await predictionsOf(converted))[0]?.text).toBe(expected[0]?.text);
    expect((await cachesIn(converted)).every(([, shape]) => shape[1] === 6 && shape[3] === 32)).toBe(true);
    expect((await predictionsOf(exact, "int8"))[0]?.text).toBe(expected[0]?.text);
    const { stdout } = await runCli(["inspect", exact], folder);
    expect(stdout).toMatch(/head rank +8 of 32\n/);
  });

  test("auto takes the smallest ranks within the budget, and compiles", async () => {
    const { circuit, folder: directory } = await cut("auto", { headRank: "auto" });
    const { asked, kl, layers, body } = found(circuit.headRank);
    expect(asked).toBe("auto");
    expect(kl.allowed).toBeCloseTo(kl.whole + 0.1, 12);
    expect(kl.cut).toBeLessThanOrEqual(found(kl.allowed));
    const ranks = new Map(layers.map(({ layer, rank }) => [layer, rank]));
    expect(Math.min(...ranks.values())).toBeLessThan(32);
    expect([body.cut, circuit.metrics.parameters.circuit.body]).toEqual(
      Array(2).fill(bodyOf(circuit, ranks)),
    );
    const { circuit: compiled } = await compileFolder(directory, join(folder, "compiled"), {
      ...{ task, original: model, threads: 1 },
    });
    expect(compiled.compiled?.verified.circuit).toBeLessThan(1e-4);
    expect(compiled.compiled?.verified.patched).toBeLessThan(1e-4);
    expect(compiled.headRank).toEqual(circuit.headRank);
  });

  test("plain answers for ranks that can't be", async () => {
    for (const headRank of [32, 64, 0, -1, 1.5, Number.NaN])
      await expect(cut("never", { headRank })).rejects.toThrow(/is .*(must be|below)/);
    const { circuit } = await cut("none", { headRank: 4, alpha: 1e9 });
    expect(circuit.headRank).toMatchObject({ asked: 4, layers: [] });
    const { stdout } = await runCli(["inspect", join(folder, "none")], folder);
    expect(stdout).toContain("no head is kept, so none was cut");
    const { code, stderr } = await runCli(["extract", "--head-rank", "many"], folder);
    expect([code, stderr]).toEqual([2, expect.stringContaining("expected a whole number from 1")]);
  });
});

async function cachesIn(directory: string): Promise<readonly (readonly [string, readonly unknown[]])[]> {
  const { graph, close } = await openGraph(join(directory, "onnx", "model.onnx"));
  await close();
  return graph.inputs
    .filter(({ name }) => name.startsWith("past_key_values."))
    .map(({ name, shape }) => [name, shape] as const);
}

test("values that are the same for all prompts: a head is cut by its output matrix alone", async () => {
  const model = randomTransformer({ layers: 1, heads: 2 });
  const circuit = circuitOfLists({ heads: [[0, 1]], mlps: [] });
  const [one] = randomPrompts([5], model.vocabularySize);
  const prompts = [found(one), found(one)];
  const replacements = await makeReplacements(runtime, model, "aligned", prompts);
  const cut = await cutTo(model, circuit, replacements, prompts, () => 3);
  const own = await alignedLogits(runtime, await cutCircuit(model, circuit, replacements, cut), prompts);
  expect(distance(await patchedLogits(model, circuit, replacements, cut, prompts), own)).toBeLessThan(1e-4);
  expect(own.flatMap((row) => [...row]).every(Number.isFinite)).toBe(true);
});
