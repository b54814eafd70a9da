import { expect, test } from "vitest";
import { randomTransformer } from "../../test/support/random-transformer.ts";
import { searchThreads, shippedThreads } from "./choose-threads.ts";

const shipped = (body: number, bytes: number, length = 15, vocabulary = 1000) => {
  const parameters = { body, embedding: 0, bias: 0, total: body };
  return {
    profile: { kind: "aligned", length } as const,
    model: {
      ...{
        name: "m",
        family: "gpt2",
        layers: 1,
        heads: [1],
        headWidth: [100],
        width: 100,
        vocabulary,
        context: 64,
        files: [],
      },
    },
    metrics: {
      ...{ accuracy: {}, kl: {}, verified: 0 },
      parameters: { original: parameters, circuit: parameters },
      bytes: { original: bytes, circuit: bytes },
    },
  };
};

test("a search takes all cores from 4 GFLOP for a layer and batch on", () => {
  expect(searchThreads(randomTransformer(), 8)).toBe(1);
  // A layer of width d and 4·d hidden has 12·d² weights: 2 · 1,024 · 12 · d² reaches 4e9 at d = 404.
  const layer = (width: number) =>
    randomTransformer({ layers: 1, heads: 4, headWidth: width / 4, width, hidden: 4 * width });
  expect(searchThreads(layer(400), 8)).toBe(1);
  expect(searchThreads(layer(404), 8)).toBe(8);
});

test("a circuit takes all cores for half a GFLOP a prompt, or weights that no cache holds", () => {
  // 2 · 15 · body + 2 · 100 · 1,000 logits.
  expect(shippedThreads(shipped(16_659_999, 1e6), 8)).toBe(1);
  expect(shippedThreads(shipped(16_660_000, 1e6), 8)).toBe(8);
  expect(shippedThreads(shipped(1e6, 63e6), 8)).toBe(1);
  expect(shippedThreads(shipped(1e6, 64e6), 8)).toBe(8);
});
