/**
 * The laws that make a cut a cut (DESIGN, section 8): the standalone model computes what the patched one does,
 * whatever the profile, the ablation and the circuit.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { meanReplacements, type Replacements, zeroReplacements } from "../src/discovery/replacements.ts";
import { largestDifference } from "../src/evaluation/distribution.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { cutCircuit } from "../src/surgery/cut-circuit.ts";
import type { Circuit } from "../src/transformer/circuit.ts";
import type { Transformer } from "../src/transformer/transformer.ts";
import {
  type RandomTransformerOptions,
  randomPrompts,
  randomTransformer,
} from "./support/random-transformer.ts";
import { alignedLogits, decoderLogits, found, originalLogits, patchedLogits } from "./support/run-model.ts";

const runtime = inlineRuntime({ threads: 1 });
/** Invariant 1's, for float32. */
const tolerance = 1e-4;

const distance = (a: readonly Float32Array[], b: readonly Float32Array[]): number => {
  expect(a.length).toBe(b.length);
  return Math.max(...a.map((row, index) => largestDifference(row, found(b[index]))));
};

const everything = (model: Transformer): Circuit => ({
  heads: model.blocks.flatMap((block, layer) =>
    (block.attention?.heads ?? []).map((head): readonly [number, number] => [layer, head]),
  ),
  mlps: [...model.blocks.keys()],
});

type Means = "aligned" | "pooled" | "zero";

const replacementsFor = (model: Transformer, means: Means): Promise<Replacements> | Replacements =>
  means === "zero"
    ? zeroReplacements(model.width)
    : meanReplacements(runtime, model, randomPrompts([6, 6, 6, 6], model.vocabularySize, 3), means);

/** Of a tiny model, how far the standalone logits are from the patched ones in each profile that fits. */
async function disagreement(
  options: RandomTransformerOptions,
  circuit: Circuit,
  means: Means,
): Promise<number> {
  const model = randomTransformer(options);
  const replacements = await replacementsFor(model, means);
  const standalone = await cutCircuit(model, circuit, replacements);
  const even = randomPrompts([6, 6, 6], model.vocabularySize);
  const differences = [
    distance(
      await patchedLogits(runtime, model, circuit, replacements, even),
      await alignedLogits(runtime, standalone, even),
    ),
  ];
  if (means !== "aligned") {
    const uneven = randomPrompts([1, 4, 9, 4], model.vocabularySize);
    differences.push(
      distance(
        await patchedLogits(runtime, model, circuit, replacements, uneven),
        await decoderLogits(runtime, standalone, uneven),
      ),
    );
  }
  return Math.max(...differences);
}

describe("invariant 1: standalone = patched, on tiny models", () => {
  const circuits: Readonly<Record<string, Circuit>> = {
    "odd numbers of heads": {
      heads: [
        [0, 0],
        [0, 2],
        [0, 4],
        [1, 1],
        [2, 0],
        [2, 1],
        [2, 3],
      ],
      mlps: [0, 2],
    },
    "a layer without heads": {
      heads: [
        [0, 1],
        [2, 2],
        [2, 3],
      ],
      mlps: [0, 1, 2],
    },
    "a layer with nothing": {
      heads: [
        [0, 1],
        [2, 2],
      ],
      mlps: [0, 2],
    },
    "nothing in the first layer": {
      heads: [
        [1, 4],
        [2, 2],
      ],
      mlps: [1],
    },
    "nothing in the last layer": {
      heads: [
        [0, 4],
        [1, 2],
      ],
      mlps: [0],
    },
    "heads in the first layer only": {
      heads: [
        [0, 0],
        [0, 3],
      ],
      mlps: [1, 2],
    },
    "heads in the last layer only": { heads: [[2, 4]], mlps: [] },
    "MLPs only": { heads: [], mlps: [0, 1, 2] },
    "everything pruned": { heads: [], mlps: [] },
    "nothing pruned": everything(randomTransformer({ heads: 5 })),
  };
  for (const means of ["aligned", "pooled", "zero"] as const) {
    test.each(Object.entries(circuits))(`${means}: %s`, async (_, circuit) => {
      expect(await disagreement({ heads: 5 }, circuit, means)).toBeLessThan(tolerance);
    });
  }

  test("any circuit of any shape of model", async () => {
    const shape = fc.record({
      layers: fc.integer({ min: 1, max: 3 }),
      heads: fc.integer({ min: 1, max: 4 }),
      headWidth: fc.integer({ min: 1, max: 4 }),
      width: fc.integer({ min: 2, max: 9 }),
      seed: fc.nat(1000),
      tied: fc.boolean(),
    });
    const circuitOf = ({ layers, heads }: { layers: number; heads: number }) =>
      fc
        .tuple(
          fc.array(fc.boolean(), { minLength: layers * heads, maxLength: layers * heads }),
          fc.array(fc.boolean(), { minLength: layers, maxLength: layers }),
        )
        .map(
          ([keptHeads, keptMlps]): Circuit => ({
            heads: keptHeads.flatMap((kept, at) =>
              kept ? [[Math.floor(at / heads), at % heads] as const] : [],
            ),
            mlps: keptMlps.flatMap((kept, layer) => (kept ? [layer] : [])),
          }),
        );
    await fc.assert(
      fc.asyncProperty(
        shape.chain((options) => fc.tuple(fc.constant(options), circuitOf(options))),
        fc.constantFrom<Means>("aligned", "pooled", "zero"),
        async ([options, circuit], means) => {
          expect(await disagreement(options, circuit, means)).toBeLessThan(tolerance);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("invariant 2", () => {
  test("an empty prune list gives back the original's logits", async () => {
    const model = randomTransformer({ heads: 3, tied: false });
    const prompts = randomPrompts([5, 5], model.vocabularySize);
    const original = await originalLogits(runtime, model, prompts);
    for (const whole of [model, await cutCircuit(model, everything(model), zeroReplacements(model.width))]) {
      expect(distance(await alignedLogits(runtime, whole, prompts), original)).toBeLessThan(tolerance);
      expect(distance(await alignedLogits(runtime, whole, prompts, "onnxruntime"), original)).toBeLessThan(
        tolerance,
      );
      expect(distance(await decoderLogits(runtime, whole, prompts), original)).toBeLessThan(tolerance);
    }
  });
});
