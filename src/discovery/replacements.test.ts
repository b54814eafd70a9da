import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { naive, naiveReplacements } from "../../test/support/naive-transformer.ts";
import { randomPrompts, randomTransformer } from "../../test/support/random-transformer.ts";
import { found } from "../../test/support/run-model.ts";
import { makeReplacements } from "../../test/support/run-search.ts";
import { inlineRuntime } from "../runtime/node-runtime.ts";
import { countRows } from "../transformer/position-rows.ts";
import { constantWeight } from "../transformer/weight.ts";
import { meanReplacements, zeroAblation, zeroReplacements } from "./replacements.ts";

const runtime = inlineRuntime({ threads: 1 });
afterAll(() => runtime.close());

test("means are the float64 reference's", async () => {
  const shape = fc.record({
    layers: fc.integer({ min: 1, max: 3 }),
    heads: fc.constantFrom(1, 3),
    headWidth: fc.integer({ min: 1, max: 4 }),
    // Of fewer, some layer norm soon divides by next to nothing, and float32 has no digits left to compare.
    width: fc.integer({ min: 4, max: 7 }),
    seed: fc.nat(1000),
  });
  const lengths = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(
      shape,
      lengths,
      fc.constantFrom("aligned", "pooled", "apart"),
      async (options, mixed, means) => {
        const model = randomTransformer(options);
        const even = mixed.map(() => found(mixed[0]));
        const prompts = randomPrompts(means === "aligned" ? even : mixed, model.vocabularySize);
        const replacements = await makeReplacements(runtime, model, means, prompts);
        const expected = naiveReplacements(await naive(model), prompts, means);
        const rows = { aligned: found(even[0]), pooled: 1, apart: 2 };
        expect(countRows(replacements.rows)).toBe(rows[means]);
        const compare = (values: Float64Array, reference: readonly (readonly number[])[]) => {
          const flat = reference.flat();
          expect(values).toHaveLength(flat.length);
          for (const [at, value] of values.entries())
            expect(Math.abs(value - found(flat[at]))).toBeLessThan(2e-5);
        };
        for (let layer = 0; layer < options.layers; layer++) {
          for (let head = 0; head < options.heads; head++) {
            compare(replacements.head(layer, head).values, found(expected.heads[layer]?.[head]));
          }
          compare(replacements.mlp(layer).values, found(expected.mlps[layer]));
          compare(replacements.neurons(layer).values, found(expected.neurons[layer]));
        }
      },
    ),
    { numRuns: 40 },
  );
});

test("zero replaces by nothing, whatever the component", () => {
  const { rows, head, mlp } = zeroReplacements(3);
  expect(rows).toEqual({ kind: "one" });
  expect([head(0, 0), mlp(5)]).toEqual(Array(2).fill({ rows, width: 3, values: new Float64Array(3) }));
});

test("a zero-ablated head leaves b_V·W_O where value biases are kept, worked out by hand", async () => {
  const model = randomTransformer({ layers: 1, heads: 2, headWidth: 2, width: 3 });
  const block = found(model.blocks[0]);
  const attention = found(block.attention);
  const weight = (shape: readonly number[], values: readonly number[]) =>
    constantWeight("by hand", shape, Float32Array.from(values));
  const byHand = {
    ...attention,
    value: { ...attention.value, bias: weight([4], [1, 2, 0, -3]) },
    output: { ...attention.output, weight: weight([4, 3], [1, 0, 0, 0, 1, 1, 5, 5, 5, 0, 2, 0]) },
  };
  const changed = { ...model, blocks: [{ ...block, attention: byHand }] };
  const kept = await zeroAblation(changed, "kept");
  // Head 0: 1·(1, 0, 0) + 2·(0, 1, 1). Head 1: 0·(5, 5, 5) − 3·(0, 2, 0).
  expect([...kept.head(0, 0).values]).toEqual([1, 2, 2]);
  expect([...kept.head(0, 1).values]).toEqual([0, -6, 0]);
  expect([...kept.mlp(0).values]).toEqual([0, 0, 0]);
  const removed = await zeroAblation(changed);
  expect([...removed.head(0, 0).values]).toEqual([0, 0, 0]);
});

test("aligned means of unequal prompts, and components that are not there", async () => {
  const model = randomTransformer({ layers: 1, heads: 2 });
  await expect(meanReplacements(runtime, model, [[1], [1, 2]], "aligned")).rejects.toThrow(RangeError);
  const replacements = await meanReplacements(runtime, model, [[1], [1, 2]], "pooled");
  expect(() => replacements.head(0, 2)).toThrow(RangeError);
  expect(() => replacements.mlp(1)).toThrow(RangeError);
  expect(() => replacements.neurons(0)).toThrow("no means of neurons were asked for");
});
