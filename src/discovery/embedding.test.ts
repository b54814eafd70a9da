import { expect, test } from "vitest";
import { randomTransformer } from "../../test/support/random-transformer.ts";
import { constantWeight } from "../transformer/weight.ts";
import { makeBatches } from "./batch.ts";
import { causalMask, embed } from "./embedding.ts";

test("token and position rows, added", async () => {
  const model = {
    ...randomTransformer({ layers: 0, width: 2 }),
    tokenEmbedding: constantWeight("tokens", [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6)),
    positionEmbedding: constantWeight("positions", [2, 2], Float32Array.of(10, 20, 30, 40)),
  };
  const [pair, single] = await embed(model, makeBatches([[2, 0], [1], [0, 2]]));
  expect(pair).toEqual({
    type: "float32",
    shape: [2, 2, 2],
    data: Float32Array.of(15, 26, 31, 42, 11, 22, 35, 46),
  });
  expect(single).toEqual({ type: "float32", shape: [1, 1, 2], data: Float32Array.of(13, 24) });
});

test("a query sees itself and what is before it", () => {
  const { shape, data } = causalMask(3);
  const values = Array.from(data, Number);
  expect(shape).toEqual([3, 3]);
  expect(values.map((value) => (value === 0 ? "." : "x")).join("")).toBe(".xx..x...");
  expect(values.every((value) => value === 0 || value < -1e38)).toBe(true);
  // Finite: an addition of a score must not make NaN or −∞ of it.
  expect(values.every(Number.isFinite)).toBe(true);
});
