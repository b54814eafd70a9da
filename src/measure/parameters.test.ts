import { expect, test } from "vitest";
import { positionTable } from "../../test/support/model-parts.ts";
import { randomTransformer } from "../../test/support/random-transformer.ts";
import { readTransformer } from "../architectures/index.ts";
import { openCheckpoint } from "../architectures/open-checkpoint.ts";
import { groupedHeads } from "../transformer/head-groups.ts";
import type { Linear, Norm, Transformer } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
import { countParameters } from "./parameters.ts";

/** Shapes without values: counting reads nothing. */
function gpt2Shape(layers: number, width: number, vocabulary: number, context: number): Transformer {
  const weight = (...shape: number[]): Weight => ({
    name: "no values",
    shape,
    read: async () => {
      throw new Error("was read");
    },
  });
  const norm = (): Norm => ({ kind: "layer", scale: weight(width), shift: weight(width), epsilon: 1e-5 });
  const linear = (inputs: number, outputs: number): Linear => ({
    weight: weight(inputs, outputs),
    bias: weight(outputs),
  });
  const tokenEmbedding = weight(vocabulary, width);
  const blocks = Array.from({ length: layers }, () => ({
    attention: {
      norm: norm(),
      ...groupedHeads(1),
      headWidth: width,
      query: linear(width, width),
      key: linear(width, width),
      value: linear(width, width),
      output: linear(width, width),
      scoreScale: 1,
    },
    mlp: {
      norm: norm(),
      activation: "gelu-tanh" as const,
      up: linear(width, 4 * width),
      down: linear(4 * width, width),
    },
  }));
  return {
    width,
    vocabularySize: vocabulary,
    contextLength: context,
    tokenEmbedding,
    positions: { kind: "learned", table: weight(context, width) },
    blocks,
    finalNorm: norm(),
    unembedding: tokenEmbedding,
  };
}

test("GPT-2 small", () => {
  const width = 768;
  expect(countParameters(gpt2Shape(12, width, 50_257, 1024))).toEqual({
    body: 12 * 12 * width ** 2,
    embedding: (50_257 + 1024) * width,
    // In a layer: q, k, v, b_O, b_1 (four times as wide), b_2, and two norms of two vectors.
    bias: 12 * (4 + 4 + 1 + 4) * width + 2 * width,
    total: 124_439_808,
  });
});

test("nano", async () => {
  const checkpoint = await openCheckpoint("models/nano");
  expect(countParameters(await readTransformer(checkpoint)).total).toBe(3_103_104);
  await checkpoint.close();
});

test("an untied unembedding counts, a tied one does not count twice", () => {
  const options = { vocabulary: 31, width: 12, context: 10 };
  const tied = countParameters(randomTransformer({ ...options, tied: true }));
  const untied = countParameters(randomTransformer({ ...options, tied: false }));
  expect(tied.embedding).toBe((31 + 10) * 12);
  expect(untied.embedding - tied.embedding).toBe(31 * 12);
  expect(untied.body).toBe(tied.body);
});

test("parts that are gone don't count; constants left behind do", () => {
  const model = randomTransformer({ layers: 1, heads: 2, headWidth: 3, width: 4, hidden: 5 });
  const whole = countParameters(model);
  const empty = countParameters({ ...model, blocks: [{ attention: undefined, mlp: undefined }] });
  expect(whole.body).toBe(4 * (4 * 6) + 2 * (4 * 5));
  expect(empty.body).toBe(0);
  expect(empty.bias).toBe(2 * 4);
  const finalBias = { ...positionTable(model) };
  const withConstant = countParameters({ ...model, folded: true, finalBias });
  // The same weight in two places is one; a table of its own counts.
  expect(withConstant.bias - whole.bias).toBe(12 * 4);
  expect(countParameters({ ...model, folded: true, finalBias: positionTable(model) }).total).toBe(
    whole.total,
  );
});
