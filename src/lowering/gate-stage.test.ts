/** Layers with gates: what a gate does, worked out by hand; and the held form computes what the plain one does. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { interpretGraph, tensor } from "../../test/support/interpret-graph.ts";
import { modelShapes } from "../../test/support/random-cases.ts";
import { randomTransformer } from "../../test/support/random-transformer.ts";
import { found } from "../../test/support/run-model.ts";
import { gradientGraph } from "../onnx/gradient.ts";
import { heldValues } from "../onnx/graph-builder.ts";
import { createRandom } from "../tasks/random.ts";
import { gateKinds } from "../transformer/gates.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { constantWeight } from "../transformer/weight.ts";
import { gateStage } from "./gate-stage.ts";
import { placeFeeds } from "./places.ts";

const weight = (shape: readonly number[], values: readonly number[]) =>
  constantWeight("by hand", shape, Float32Array.from(values));

const feedsOf = ({ width, blocks }: Transformer, length: number, seed: number) => {
  const { attention, mlp } = found(blocks[0]);
  const { nextUint32 } = createRandom(seed);
  const draw = (shape: readonly number[]) =>
    tensor(
      shape,
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => nextUint32() / 2 ** 31 - 1),
    );
  const { heads, headWidth } = found(attention);
  const hidden = Number(found(mlp).down.weight.shape[found(mlp).down.transposed ? 1 : 0]);
  const places = placeFeeds([{ attention: found(attention), queries: "all" }], length);
  return {
    x: draw([2, length, width]),
    ...Object.fromEntries(
      Object.entries(places).map(([name, { shape, data }]) => [name, tensor(shape, data)]),
    ),
    ...{ "gates.heads": draw([2, 1, heads.length, 1]), "mean.heads": draw([1, heads.length * headWidth]) },
    ...{ "gates.neurons": draw([2, 1, hidden]), "mean.neurons": draw([1, hidden]) },
    ...{ "gates.mlps": draw([2, 1, 1]), "mean.mlps": draw([1, width]) },
  };
};

test("the held form computes what the plain form computes", async () => {
  await fc.assert(
    fc.asyncProperty(
      modelShapes({ layers: { min: 1, max: 1 }, heads: [1, 2] }),
      fc.nat(1000),
      async (options, seed) => {
        const model = randomTransformer(options);
        const feeds = feedsOf(model, 3, seed);
        const stages = (["onnxruntime", "held"] as const).map((operators) =>
          gateStage(found(model.blocks[0]), model.width, { kinds: gateKinds, rows: "one", operators }),
        );
        const [plain, held] = await Promise.all(
          stages.map(async (stage) => (await interpretGraph(stage, feeds))["y"]),
        );
        // A norm of nearly equal numbers makes rounding 1/√ε = 316 times as large, and three norms may follow each other:
        // 1e-16 · 316³ = 3e-9. A seed has shown 1.4e-9.
        for (const [at, value] of found(plain).data.entries())
          expect(Math.abs(value - found(found(held).data[at]))).toBeLessThan(1e-7 * (1 + Math.abs(value)));
      },
    ),
    { numRuns: 20 },
  );
});

/**
 * One head of width 1 that reads position 0 alone (one token), no norms, no biases: z = 2x, written 3z; the MLP reads
 * x + 3z through relu(u), u = 5·stream, and writes 7h.
 */
function byHand(gated: boolean): Transformer {
  const model = randomTransformer({
    layers: 1,
    heads: 1,
    headWidth: 1,
    width: 1,
    hidden: 1,
    biases: false,
    activation: "relu",
  });
  const block = found(model.blocks[0]);
  const plain = (value: number) => ({ weight: weight([1, 1], [value]) });
  const { norm: _, ...attention } = { ...found(block.attention), value: plain(2), output: plain(3) };
  const { norm: __, ...mlp } = { ...found(block.mlp), up: plain(5), down: plain(7) };
  return { ...model, blocks: [{ ...block, attention, mlp: gated ? { ...mlp, gate: plain(11) } : mlp }] };
}

const one = (value: number, rank: number) =>
  tensor(
    Array.from({ length: rank }, () => 1),
    [value],
  );
const handFeeds = {
  ...{ x: one(1, 3), mask: one(0, 2) },
  ...{ "gates.heads": one(0.5, 4), "mean.heads": one(4, 2) },
  ...{ "gates.neurons": one(0.25, 3), "mean.neurons": one(8, 2) },
  ...{ "gates.mlps": one(0.75, 3), "mean.mlps": one(100, 2) },
};

test("gates mix a head's z, a neuron's h and the MLP's write with their means", async () => {
  const model = byHand(false);
  const stage = gateStage(found(model.blocks[0]), 1, { kinds: gateKinds, rows: "one" });
  const { y } = await interpretGraph(stage, handFeeds);
  // z = 2 → 4 + 0.5·(2 − 4) = 3, stream 1 + 9 = 10; h = 50 → 8 + 0.25·42 = 18.5; 129.5 → 100 + 0.75·29.5 = 122.125.
  expect(found(y).data[0]).toBeCloseTo(10 + 122.125, 10);
});

test("RelP's gradient gives each factor of a gated product half", async () => {
  const model = byHand(true);
  const stage = gateStage(found(model.blocks[0]), 1, { kinds: ["heads"], rows: "one", operators: "held" });
  const graph = gradientGraph(stage, { of: "y", wrt: ["x"], held: heldValues(stage) });
  const {
    "gates.neurons": _,
    "mean.neurons": __,
    "gates.mlps": ___,
    "mean.mlps": ____,
    ...feeds
  } = handFeeds;
  const outputs = await interpretGraph(graph, { ...feeds, "gradient.y": one(1, 3) });
  // Stream s = x + 3·(4 + 0.5·(2x − 4)) = 4x + 6 = 10; written 7·(11s)·(5s), whose gradient by halves is 7·55·s = 3850,
  // not 7700. So ∂y/∂x = 4·(1 + 3850).
  expect(found(found(outputs["gradient.x"]).data[0])).toBeCloseTo(4 * 3851, 6);
});
