import { describe, expect, test } from "vitest";
import { randomTransformer } from "../../test/support/random-transformer.ts";
import { floats, integers, runGraph } from "../../test/support/run-graph.ts";
import { cutCircuit } from "../cut/cut-circuit.ts";
import { zeroReplacements } from "../discovery/replacements.ts";
import { countFlops } from "../onnx/flops.ts";
import type { Graph } from "../onnx/graph.ts";
import { type Circuit, circuitOfLists } from "../transformer/circuit.ts";
import { cacheHeadsOf, uniformCaches, withCaches } from "./cache-heads.ts";
import { lowerDecoder } from "./decoder.ts";

/** What tools derive of 4 heads in a model 12 wide. */
const caches = { heads: 4, headWidth: 3 };

async function decoderOf(circuit: Circuit): Promise<Graph> {
  const original = randomTransformer({ heads: 4, headWidth: 3, layers: 3 });
  return lowerDecoder(await cutCircuit(original, circuit, zeroReplacements(original.width)), "portable");
}

/** Layers of one, no and all heads. */
const uneven: Circuit = circuitOfLists({
  heads: [[0, 2], ...[0, 1, 2, 3].map((head) => [2, head] as const)],
  mlps: [1],
});
const headless: Circuit = circuitOfLists({ heads: [], mlps: [0, 2] });
const circuits = [
  { name: "layers of one, no and all heads", circuit: uneven, exact: [1, 4], uniform: [4, 4] },
  { name: "no head at all", circuit: headless, exact: [], uniform: [4] },
];

test("what config.json in GPT-2's terms can say of a model", () => {
  expect(uniformCaches(768, Array(12).fill(12))).toEqual({ heads: 12, headWidth: 64 });
  expect(uniformCaches(768, [12, 11])).toBeUndefined();
  expect(uniformCaches(10, [4, 4])).toBeUndefined();
  expect(uniformCaches(12, [])).toBeUndefined();
});

describe.each(circuits)("$name", ({ circuit, exact, uniform }) => {
  test("every cache has the heads that are asked for, and its own again", async () => {
    const graph = await decoderOf(circuit);
    expect(cacheHeadsOf(graph)).toEqual(exact);
    const padded = withCaches(graph, caches);
    expect(cacheHeadsOf(padded)).toEqual(uniform);
    const shapes = padded.outputs.slice(1).map(({ shape }) => shape);
    const shape = ["batch_size", 4, "past_sequence_length+sequence_length", 3];
    expect(shapes).toEqual(uniform.flatMap(() => [shape, shape]));
    expect(withCaches(padded, caches)).toEqual(padded);
    expect(withCaches(padded, undefined)).toEqual(graph);
  });

  test("no product is any larger", async () => {
    const graph = await decoderOf(circuit);
    const sizes = { batch_size: 2, sequence_length: 3, past_sequence_length: 5 };
    expect(countFlops(withCaches(graph, caches), sizes)).toBe(countFlops(graph, sizes));
  });

  test("the same logits and kept heads, and zeros after them", async () => {
    const graph = await decoderOf(circuit);
    const padded = withCaches(graph, caches);
    const [batch, past, sequence] = [2, 2, 3];
    const common = {
      input_ids: integers([batch, sequence], [1, 2, 3, 4, 5, 6]),
      attention_mask: integers([batch, past + sequence], [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
      position_ids: integers([batch, sequence], [1, 2, 3, 2, 3, 4]),
    };
    const perHead = past * caches.headWidth;
    /** [batch, heads, past, width]; every row of the batch begins anew. */
    const cached = (heads: number, kept: number) =>
      floats(
        [batch, heads, past, caches.headWidth],
        Array.from({ length: batch * heads * perHead }, (_, at) => {
          const inRow = at % (heads * perHead);
          return inRow < kept * perHead ? Math.sin(inRow + Math.floor(at / (heads * perHead))) : 0;
        }),
      );
    const feeds = (heads: readonly number[]) => ({
      ...common,
      ...Object.fromEntries(
        heads.flatMap((count, index) =>
          ["key", "value"].map((part) => [
            `past_key_values.${index}.${part}`,
            cached(count, exact[index] ?? 0),
          ]),
        ),
      ),
    });
    const expected = await runGraph(graph, feeds(exact));
    const got = await runGraph(padded, feeds(uniform));
    expect(got["logits"]).toEqual(expected["logits"]);
    for (const [index, heads] of uniform.entries()) {
      for (const part of ["key", "value"]) {
        const name = `present.${index}.${part}`;
        expect(got[name]?.shape).toEqual([batch, heads, past + sequence, caches.headWidth]);
        const row = heads * (past + sequence) * caches.headWidth;
        const kept = (exact[index] ?? 0) * (past + sequence) * caches.headWidth;
        const values = got[name]?.values ?? [];
        const rows = Array.from({ length: batch }, (_, at) => values.slice(at * row, (at + 1) * row));
        expect(rows.flatMap((each) => each.slice(0, kept))).toEqual(expected[name]?.values ?? []);
        expect(rows.flatMap((each) => each.slice(kept)).every((value) => value === 0)).toBe(true);
      }
    }
  });
});

test("a cache that can't hold a layer's heads is refused", async () => {
  const graph = await decoderOf(uneven);
  expect(() => withCaches(graph, { heads: 3, headWidth: 3 })).toThrow(
    "past_key_values.1.key [batch_size, 4, past_sequence_length, 3] can't have 3 heads of 3",
  );
  expect(() => withCaches(graph, { heads: 4, headWidth: 2 })).toThrow("can't have 4 heads of 2");
});
