import { expect, test } from "vitest";
import { randomTransformer } from "../../test/support/random-transformer.ts";
import { constantWeight } from "../transformer/weight.ts";
import { makeBatches } from "./batch.ts";
import { embedBatches } from "./embedding.ts";

test("token and position rows, added", async () => {
  const model = {
    ...randomTransformer({ layers: 0, width: 2 }),
    tokenEmbedding: constantWeight("tokens", [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6)),
    positions: {
      kind: "learned",
      table: constantWeight("positions", [2, 2], Float32Array.of(10, 20, 30, 40)),
    } as const,
  };
  const [pair, single] = await embedBatches(model, makeBatches([[2, 0], [1], [0, 2]]));
  expect(pair).toEqual({
    type: "float32",
    shape: [2, 2, 2],
    data: Float32Array.of(15, 26, 31, 42, 11, 22, 35, 46),
  });
  expect(single).toEqual({ type: "float32", shape: [1, 1, 2], data: Float32Array.of(13, 24) });
});
