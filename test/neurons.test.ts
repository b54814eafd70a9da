/**
 * Circuits whose MLPs stay in part, through everything that uses circuits: walks of an evaluator, folders, number
 * formats, compiled circuits, and what commands print. The laws themselves are in `invariants.test.ts`.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createEvaluator } from "../src/discovery/evaluator/evaluator.ts";
import { walkComponents } from "../src/discovery/evaluator/walk.ts";
import { withDtype } from "../src/export/dtype-graph.ts";
import { readCircuitFolder } from "../src/export/read-folder.ts";
import { prepareConvertedFolder } from "../src/export/write-folder.ts";
import { openGraph } from "../src/jobs/read-graph.ts";
import {
  circuitOfLists,
  componentsOf,
  type keeps,
  keptNeurons,
  without,
} from "../src/transformer/circuit.ts";
import { componentsOfModel, componentsOnTrial, indicesBelow, shapeOf } from "../src/transformer/component.ts";
import { circuitFile, goldenReplacements, loadNano, runtime, shipCircuit } from "./support/export-circuit.ts";
import { naive, naiveForward, naiveKl, naiveReplacements, naiveWhole } from "./support/naive-transformer.ts";
import { modelShapes } from "./support/random-cases.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";
import { runCli } from "./support/run-cli.ts";
import { found } from "./support/run-model.ts";
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
      const logits = (of: Parameters<typeof keeps>[0]) =>
        found(validation).map((ids) => naiveForward(plain, ids, of, expected).logits);
      const original = logits(naiveWhole(plain));
      const klsOf = (of: Parameters<typeof keeps>[0]) =>
        logits(of).map((row, prompt) => naiveKl(found(original[prompt]), row));
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

test("a circuit of all components but neurons lists none", () => {
  expect(componentsOf(inPart).filter(({ kind }) => kind === "neuron").length).toBe(
    indicesBelow(6).reduce((sum, layer) => {
      const own = keptNeurons(inPart, layer);
      return sum + (own === "all" ? 0 : own.length);
    }, 0),
  );
  expect(componentsOfModel([{ heads: [0], mlp: true, hidden: 3 }]).map(({ kind }) => kind)).toEqual([
    "head",
    "mlp",
  ]);
});
