import { describe, expect, test } from "vitest";
import { floats, runGraph } from "../../test/support/run-graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import { createRandom } from "../tasks/random.ts";
import { ungroupedHeads } from "../transformer/head-groups.ts";
import type { Attention, Linear } from "../transformer/transformer.ts";
import { constantWeight } from "../transformer/weight.ts";
import { attend, type Queries, writeHeads } from "./attention.ts";
import { inputPlaces, placeFeeds } from "./places.ts";

const { nextUint32 } = createRandom(5);
const random = (length: number) => Float32Array.from({ length }, () => nextUint32() / 2 ** 31 - 1);

const [batch, sequence, width, heads, headWidth] = [2, 4, 6, 3, 2];

type Biases = "all biases" | "no biases" | "a value bias only";

function randomAttention(biases: Biases): Attention {
  const linear = (name: string, biased: boolean): Linear => ({
    weight: constantWeight(name, [width, heads * headWidth], random(width * heads * headWidth)),
    ...(biased && { bias: constantWeight(`${name} bias`, [heads * headWidth], random(heads * headWidth)) }),
  });
  return {
    norm: {
      kind: "layer",
      scale: constantWeight("scale", [width], random(width)),
      shift: constantWeight("shift", [width], random(width)),
      epsilon: 1e-5,
    },
    ...ungroupedHeads([0, 2, 5]),
    headWidth,
    query: linear("query", biases === "all biases"),
    key: linear("key", biases === "all biases"),
    value: linear("value", biases !== "no biases"),
    output: {
      weight: constantWeight("output", [heads * headWidth, width], random(heads * headWidth * width)),
    },
    // Unlike 1/√headWidth, so that it is seen to be used.
    scoreScale: 0.6,
  };
}

/** One row times a matrix, plus a bias, in float64. */
async function affine(row: readonly number[], { weight, bias }: Linear): Promise<number[]> {
  const values = await weight.read();
  const columns = weight.shape[1] ?? 0;
  const shift = await bias?.read();
  return Array.from({ length: columns }, (_, column) =>
    row.reduce((sum, x, at) => sum + x * (values[at * columns + column] ?? 0), shift?.[column] ?? 0),
  );
}

/** z [position][heads × headWidth] of one prompt, by the definition (paper, equations 4 and 5). */
async function naiveAttention(
  rows: readonly (readonly number[])[],
  attention: Attention,
): Promise<number[][]> {
  const all = (linear: Linear) => Promise.all(rows.map((row) => affine(row, linear)));
  const [queries, keys, values] = [
    await all(attention.query),
    await all(attention.key),
    await all(attention.value),
  ];
  return rows.map((_, position) =>
    Array.from({ length: heads * headWidth }, (_, column) => {
      const from = Math.floor(column / headWidth) * headWidth;
      const own = (row: readonly number[] | undefined) => (row ?? []).slice(from, from + headWidth);
      const weights = keys.slice(0, position + 1).map((key) => {
        const query = own(queries[position]);
        const score = own(key).reduce((sum, value, at) => sum + value * (query[at] ?? 0), 0);
        return Math.exp(score * attention.scoreScale);
      });
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return weights.reduce((sum, weight, at) => sum + (weight / total) * (values[at]?.[column] ?? 0), 0);
    }),
  );
}

describe.each<Biases>(["all biases", "no biases", "a value bias only"])("attend, %s", (biases) => {
  test.each<Queries>(["all", "last"])("%s", async (queries) => {
    const attention = randomAttention(biases);
    const builder = new GraphBuilder("test");
    const normed = builder.input("normed", "float32", ["batch", "sequence", width]);
    const places = inputPlaces(builder, [attention]);
    builder.output("z", attend(builder, normed, attention, queries, { places, operators: "portable" }));
    const x = random(batch * sequence * width);
    const { z } = await runGraph(builder.build(), {
      normed: floats([batch, sequence, width], x),
      ...placeFeeds([{ attention, queries }], sequence),
    });

    const prompts = Array.from({ length: batch }, (_, prompt) =>
      Array.from({ length: sequence }, (_, position) => {
        const from = (prompt * sequence + position) * width;
        return [...x.subarray(from, from + width)];
      }),
    );
    const rows = await Promise.all(prompts.map((prompt) => naiveAttention(prompt, attention)));
    const expected = rows.flatMap((prompt) => (queries === "all" ? prompt : prompt.slice(-1))).flat();
    expect(z?.shape).toEqual([batch, queries === "all" ? sequence : 1, heads * headWidth]);
    for (const [index, value] of (z?.values ?? []).entries()) {
      expect(Math.abs(value - (expected[index] ?? Number.NaN))).toBeLessThan(2e-6);
    }
  });
});

test("writeHeads multiplies by W_O and leaves b_O out", async () => {
  const attention = randomAttention("all biases");
  const biased = {
    ...attention,
    output: { ...attention.output, bias: constantWeight("b_O", [width], random(width)) },
  };
  const builder = new GraphBuilder("test");
  const z = builder.input("z", "float32", [1, 1, heads * headWidth]);
  builder.output("y", writeHeads(builder, z, biased, "portable"));
  const values = random(heads * headWidth);
  const { y } = await runGraph(builder.build(), { z: floats([1, 1, heads * headWidth], values) });
  const expected = await affine([...values], attention.output);
  for (const [index, value] of (y?.values ?? []).entries()) {
    expect(Math.abs(value - (expected[index] ?? Number.NaN))).toBeLessThan(1e-6);
  }
});
