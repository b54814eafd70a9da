/**
 * Circuits whose MLPs stay in part, through everything that uses circuits: walks of an evaluator, folders, number
 * formats, compiled circuits, and what commands print. The laws themselves are in `invariants.test.ts`.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { cutCircuit } from "../src/cut/cut-circuit.ts";
import { createEvaluator } from "../src/discovery/evaluator/evaluator.ts";
import { walkComponents } from "../src/discovery/evaluator/walk.ts";
import { meanReplacements } from "../src/discovery/replacements.ts";
import { withDtype } from "../src/export/dtype-graph.ts";
import { readCircuitFolder } from "../src/export/read-folder.ts";
import { prepareConvertedFolder } from "../src/export/write-folder.ts";
import { openGraph } from "../src/jobs/read-graph.ts";
import { klDivergence, mostLikely } from "../src/measure/distribution.ts";
import { type Circuit, circuitOfLists, keptNeurons, without } from "../src/transformer/circuit.ts";
import { componentsOnTrial, indicesBelow, shapeOf } from "../src/transformer/component.ts";
import {
  circuitFile,
  goldenReplacements,
  loadNano,
  runtime,
  shipCircuit,
  tasks,
} from "./support/export-circuit.ts";
import { naive, naiveForward, naiveKl, naiveReplacements, naiveWhole } from "./support/naive-transformer.ts";
import { modelShapes } from "./support/random-cases.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";
import { runCli } from "./support/run-cli.ts";
import { alignedLogits, found, originalLogits } from "./support/run-model.ts";
import { makeReplacements, type ReplacementKind } from "./support/run-search.ts";

test("a walk from a circuit whose MLPs stay in part: each KL is a float64 model's", async () => {
  const cases = modelShapes({ layers: { min: 1, max: 3 }, heads: [1, 2] }).chain((options) =>
    fc.record({
      options: fc.constant(options),
      neurons: fc.tuple(
        ...indicesBelow(options.layers).map(() =>
          fc.subarray(indicesBelow(options.hidden), { minLength: 1 }),
        ),
      ),
      goes: fc.infiniteStream(fc.boolean()),
      ablation: fc.constantFrom<ReplacementKind>("aligned", "pooled", "apart", "zero"),
    }),
  );
  await fc.assert(
    fc.asyncProperty(cases, async ({ options, neurons, goes, ablation }) => {
      const model = randomTransformer(options);
      const plain = await naive(model);
      const shape = shapeOf(model);
      const lengths = ablation === "aligned" ? [4, 4, 4] : [1, 3, 5];
      const [patching, validation] = [1, 2].map((seed) => randomPrompts(lengths, model.vocabularySize, seed));
      const expected = naiveReplacements(plain, found(patching), ablation);
      const logits = (of: Circuit) =>
        found(validation).map((ids) => naiveForward(plain, ids, of, expected).logits);
      const original = logits(naiveWhole(plain));
      const klsOf = (of: Circuit) => logits(of).map((row, prompt) => naiveKl(found(original[prompt]), row));
      const agree = (kls: Float64Array, reference: readonly number[]) =>
        expect(Math.max(...reference.map((kl, at) => Math.abs(kl - found(kls[at]))))).toBeLessThan(1e-4);

      const start = circuitOfLists(
        {
          heads: shape.flatMap(({ heads }, layer) => heads.map((head) => [layer, head] as const)),
          mlps: [],
          neurons: neurons.map((own, layer) => [layer, own] as const),
        },
        shape,
      );
      const replacements = await makeReplacements(runtime, model, ablation, found(patching));
      const evaluator = await createEvaluator(runtime, model, found(validation), replacements);
      try {
        agree(await evaluator.measure(start), klsOf(start));
        await evaluator.restart(start);
        let circuit = start;
        const tried = componentsOnTrial(shape, { mlps: true, order: "published" });
        const end = await walkComponents(
          evaluator,
          model.blocks.length,
          start,
          tried,
          async (own, candidate) => {
            const less = without(circuit, [own]);
            agree(await candidate.kl(), klsOf(less));
            const isGone = goes.next().value ?? false;
            if (isGone) circuit = less;
            return isGone;
          },
        );
        expect(end).toEqual(circuit);
      } finally {
        await evaluator.close();
      }
    }),
    { numRuns: 25 },
  );
});

const shape = Array.from({ length: 6 }, (_, layer) => layer);
/** Of nano: some heads, a whole MLP, and some neurons of four others. */
const inPart = circuitOfLists({
  heads: [
    [0, 1],
    [2, 3],
    [5, 0],
  ],
  mlps: [3],
  neurons: shape
    .filter((layer) => layer !== 3 && layer !== 4)
    .map((layer) => [layer, indicesBelow(768).filter((neuron) => (neuron * 7 + layer) % 5 < 2)]),
});

test("a folder says which neurons are kept, opens, and is as small in each number format as its file", async () => {
  const model = await loadNano();
  const run = { ablation: "mean", means: "pooled", bos: false } as const;
  const replacements = await goldenReplacements(model, "ioi", run);
  const { directory, standalone } = await shipCircuit(model, inPart, replacements, { kind: "decoder" });
  const written = await readFile(join(directory, "circuit.json"), "utf8");
  expect(written).toContain('{"layer":0,"heads":"1","neurons":"0, 3, 5, 8, 10, 13,');
  expect(written).toContain('{"layer":3,"mlp":true}');
  const { circuit } = await readCircuitFolder(directory);
  expect(circuit.kept).toEqual(inPart);
  const kept = indicesBelow(6).map((layer) => keptNeurons(circuit.kept, layer).length);
  const body =
    3 * 4 * 192 * 32 + 2 * 192 * (768 + kept.filter((_, layer) => layer !== 3).reduce((a, b) => a + b));
  expect(circuit.metrics.parameters.circuit.body).toBe(body);

  const inspected = await runCli(["inspect", directory], directory);
  expect(inspected.stdout).toMatch(/3 of 36 heads and 5 of 6 MLPs and 1,997 of 4,608 neurons/);
  const asked = await runCli(
    ["run", directory, "--prompt", "Then, George and Roman went to the park. Roman gave it to"],
    directory,
  );
  expect([asked.code, asked.stderr]).toEqual([0, expect.anything()]);

  const file = await openGraph(join(directory, "onnx", "model.onnx"));
  for (const dtype of ["f16", "int8", "int4"] as const) {
    const place = `${directory}-${dtype}`;
    const prepared = await prepareConvertedFolder(place, directory, withDtype(file.graph, dtype));
    await prepared.commit(circuitFile(model, standalone, inPart, { kind: "decoder" }, prepared.bytes));
    expect((await readCircuitFolder(place)).circuit.metrics.bytes.circuit).toBe(prepared.bytes);
  }
  await file.close();
});

/** What the golden files call the neurons that are kept. Those that are ranked by WIFV are in `science.test.ts`. */
const neuronSets: Readonly<Record<string, (layer: number) => readonly number[]>> = {
  "j%4==0 removed in every layer": () => indicesBelow(768).filter((neuron) => neuron % 4 !== 0),
  "layer 1: all removed": (layer) => (layer === 1 ? [] : indicesBelow(768)),
  "kept: j < 64*(l+1) in layer l": (layer) => indicesBelow(64 * (layer + 1)),
};
const headSets: Readonly<Record<string, (layer: number, head: number) => boolean>> = {
  "all heads": () => true,
  "odd heads removed in odd layers": (layer, head) => layer % 2 === 0 || head % 2 === 0,
};

interface NeuronGolden {
  readonly patching_ids: readonly (readonly number[])[];
  readonly validation_ids: readonly (readonly number[])[];
  readonly neuron_sets: readonly {
    readonly neurons: string;
    readonly heads: string;
    readonly kl: number;
    readonly top1: readonly number[];
  }[];
}

test.each(tasks)("%s: what is cut has the golden KL and answers", async (task) => {
  const model = await loadNano();
  const path = `test/golden/science/nano-${task}.science.json`;
  const golden: NeuronGolden = JSON.parse(await readFile(path, "utf8"));
  const { patching_ids: patching, validation_ids: validation } = golden;
  const replacements = await meanReplacements(runtime, model, patching, "aligned", { neurons: true });
  const original = await originalLogits(runtime, model, validation);
  const evaluator = await createEvaluator(runtime, model, validation, replacements);
  const sets = golden.neuron_sets.filter(({ neurons }) => neuronSets[neurons] !== undefined);
  expect(sets).toHaveLength(6);
  for (const { neurons, heads, kl, top1 } of sets) {
    const circuit = circuitOfLists(
      {
        heads: indicesBelow(6).flatMap((layer) =>
          indicesBelow(6)
            .filter((head) => found(headSets[heads])(layer, head))
            .map((head) => [layer, head] as const),
        ),
        mlps: [],
        neurons: indicesBelow(6).map((layer) => [layer, found(neuronSets[neurons])(layer)]),
      },
      shapeOf(model),
    );
    const logits = await alignedLogits(runtime, await cutCircuit(model, circuit, replacements), validation);
    const kls = logits.map((row, prompt) => klDivergence(found(original[prompt]), row));
    expect(Math.abs(mean(kls) - kl)).toBeLessThan(1e-4);
    expect(logits.slice(0, top1.length).map(mostLikely)).toEqual(top1);
    expect(Math.abs(mean([...(await evaluator.measure(circuit))]) - kl)).toBeLessThan(1e-4);
  }
  await evaluator.close();
});

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
