/**
 * Gradients of whole layers and models of every norm, activation, arrangement and kind of positions that the types
 * allow, against differences in float64, and in ONNX Runtime.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { lowerAligned } from "../src/lowering/aligned.ts";
import { lowerDecoder } from "../src/lowering/decoder.ts";
import { asFolded } from "../src/lowering/fold-constants.ts";
import { partsOfBlock } from "../src/lowering/kept-part.ts";
import type { OperatorSet } from "../src/lowering/operator-set.ts";
import { placeFeeds } from "../src/lowering/places.ts";
import { gatedLayer, keptParts, score } from "../src/lowering/stages.ts";
import { checkGradient } from "./support/check-gradient.ts";
import { type Tensor, tensor } from "./support/interpret-graph.ts";
import { modelShapes } from "./support/random-cases.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";
import { found } from "./support/run-model.ts";

const oneLayer = modelShapes({ layers: { min: 1, max: 1 }, heads: [1, 2, 4] });
const twoLayers = modelShapes({ layers: { min: 1, max: 2 }, heads: [1, 2] });
const sizesDraw = fc.record({
  batch: fc.integer({ min: 1, max: 2 }),
  sequence: fc.integer({ min: 1, max: 4 }),
});

/** float32 against float64, as a share of the largest entry: small widths make norms steep. */
const float32 = 2e-4;

test("a layer, with respect to its input, its gates and its constants", async () => {
  await fc.assert(
    fc.asyncProperty(
      oneLayer,
      sizesDraw,
      fc.constantFrom("one", "each"),
      fc.nat(),
      async (shape, sizes, rows, seed) => {
        const { blocks, width } = randomTransformer(shape);
        const block = found(blocks[0]);
        const graph = gatedLayer(block, width, rows);
        const places = placeFeeds([{ attention: found(block.attention), queries: "all" }], sizes.sequence);
        const feeds = Object.fromEntries(
          Object.entries(places).map(([name, { shape: own, data }]) => [name, tensor(own, data)]),
        );
        const wrt = ["x", "headGates", "mlpGate", "attentionConstant", "mlpConstant"];
        await checkGradient(graph, { of: "y", wrt, sizes, seed, feeds, float32 });
      },
    ),
    { numRuns: 16 },
  );
});

test("the last position of a layer alone", async () => {
  await fc.assert(
    fc.asyncProperty(oneLayer, sizesDraw, fc.nat(), async (shape, sizes, seed) => {
      const { blocks, width } = randomTransformer(shape);
      const block = found(blocks[0]);
      const graph = keptParts(partsOfBlock(block, "last"), width, "one");
      const places = placeFeeds([{ attention: found(block.attention), queries: "last" }], sizes.sequence);
      const feeds = Object.fromEntries(
        Object.entries(places).map(([name, { shape: own, data }]) => [name, tensor(own, data)]),
      );
      await checkGradient(graph, { of: "y", wrt: ["x", "constant.0"], sizes, seed, feeds, float32 });
    }),
    { numRuns: 15 },
  );
});

test("scores", async () => {
  await fc.assert(
    fc.asyncProperty(oneLayer, fc.integer({ min: 1, max: 3 }), fc.nat(), async (shape, batch, seed) => {
      const graph = score(randomTransformer(shape));
      await checkGradient(graph, {
        ...{ of: "crossEntropy", wrt: ["x", "constant", "target"] },
        ...{ sizes: { batch }, seed, float32 },
      });
    }),
    { numRuns: 15 },
  );
});

test.each<OperatorSet>(["portable", "onnxruntime"])(
  "all weights of a model, with %s operators",
  async (operators) => {
    await fc.assert(
      fc.asyncProperty(
        twoLayers,
        sizesDraw,
        fc.boolean(),
        fc.nat(),
        async (shape, sizes, isDecoder, seed) => {
          const model = asFolded(randomTransformer(shape));
          const { batch, sequence } = sizes;
          const graph = isDecoder ? lowerDecoder(model, operators) : lowerAligned(model, sequence, operators);
          const prompts = randomPrompts(Array(batch).fill(sequence), shape.vocabulary, seed);
          const feeds: Record<string, Tensor> = { input_ids: tensor([batch, sequence], prompts.flat()) };
          if (isDecoder) {
            feeds["attention_mask"] = tensor([batch, sequence], Array(batch * sequence).fill(1));
            feeds["position_ids"] = tensor(
              [batch, sequence],
              prompts.flatMap((prompt) => [...prompt.keys()]),
            );
            for (const { name, shape: own } of graph.inputs)
              if (name.startsWith("past"))
                feeds[name] = tensor([batch, Number(own[1]), 0, Number(own[3])], []);
          }
          const wrt = graph.weights.map(({ value }) => value.name);
          expect(wrt.length).toBeGreaterThan(4);
          await checkGradient(graph, { of: "logits", wrt, sizes, seed, feeds, float32 });
        },
      ),
      { numRuns: 6 },
    );
  },
);
