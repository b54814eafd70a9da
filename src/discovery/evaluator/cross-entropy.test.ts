import { describe, expect, test } from "vitest";
import { randomTransformer } from "../../../test/support/random-transformer.ts";
import { found } from "../../../test/support/run-model.ts";
import { inlineRuntime } from "../../runtime/node-runtime.ts";
import { createRandom } from "../../tasks/random.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import { vocabularyParts } from "../../transformer/vocabulary-parts.ts";
import { constantWeight, elementCount, type Weight } from "../../transformer/weight.ts";
import { constantTensor, zeroConstant } from "../constant.ts";
import { loadUnembedding } from "../unembedding.ts";
import { createCrossEntropy } from "./cross-entropy.ts";

const [rows, width, vocabulary] = [7, 16, 101];
const most = 20 * width;

function randomRows(seed: number, count: number): Float32Array<ArrayBuffer> {
  const { nextUint32 } = createRandom(seed);
  return Float32Array.from({ length: count }, () => nextUint32() / 2 ** 31 - 1);
}

const plain = randomTransformer({ layers: 1, heads: 1, width, vocabulary, tied: false, seed: 3 });
const models: readonly (readonly [string, Transformer])[] = [
  ["plain", plain],
  [
    "with a bias",
    { ...plain, unembeddingBias: constantWeight("bias", [vocabulary], randomRows(9, vocabulary)) },
  ],
  ["with a cap", { ...plain, logitCap: 1.5 }],
];

test("a vocabulary is parted into rows of nearly one size, and nothing is lost", async () => {
  const parts = vocabularyParts(plain, most);
  expect(parts.map(({ start }) => start)).toEqual([0, 17, 34, 51, 68, 85]);
  expect(parts.map(({ model }) => model.vocabularySize)).toEqual([17, 17, 17, 17, 17, 16]);
  const read = async ({ unembedding }: { readonly unembedding: Weight }) => [...(await unembedding.read())];
  const together = (await Promise.all(parts.map(({ model }) => read(model)))).flat();
  expect(together).toEqual(await read(plain));
  expect(together).toHaveLength(elementCount(plain.unembedding.shape));
  expect(vocabularyParts(plain)).toEqual([{ start: 0, model: plain }]);
});

describe.each(models)("a model %s scores alike whole and in parts", (_, model) => {
  const runtime = inlineRuntime({ threads: 1 });
  const original = randomRows(1, rows * width);
  const candidate = original.map((value, at) => value + 0.3 * found(randomRows(2, rows * width)[at]));
  const nothing = constantTensor(zeroConstant({ kind: "one" }, width), "last", 1);

  test("cross entropies and predictions", async () => {
    const [whole, parted] = [
      await createCrossEntropy(runtime, model, original),
      await createCrossEntropy(runtime, model, original, most),
    ];
    expect(parted.predictions).toEqual(whole.predictions);
    const kl = async ({ ofRows }: typeof whole) => {
      const [entropy, total] = [await ofRows(original, nothing), await ofRows(candidate, nothing)];
      return [...total].map((each, row) => each - found(entropy[row]));
    };
    const [expected, actual] = [await kl(whole), await kl(parted)];
    expect(Math.min(...expected)).toBeGreaterThan(1e-4);
    for (const [row, value] of expected.entries()) expect(actual[row]).toBeCloseTo(value, 5);

    const sets = await parted.ofSets([candidate, original], nothing);
    const alone = [await parted.ofRows(candidate, nothing), await parted.ofRows(original, nothing)];
    for (const [set, values] of alone.entries()) {
      for (const [row, value] of values.entries()) expect(sets[set]?.[row]).toBeCloseTo(value, 5);
    }
    await whole.close();
    await parted.close();
  });

  test("logits", async () => {
    const [whole, parted] = [
      await loadUnembedding(runtime, model),
      await loadUnembedding(runtime, model, most),
    ];
    const [expected, actual] = [await whole.logits(original), await parted.logits(original)];
    expect(actual).toHaveLength(rows * vocabulary);
    for (const [at, value] of expected.entries()) expect(actual[at]).toBeCloseTo(value, 5);
    await whole.unload();
    await parted.unload();
  });
});
