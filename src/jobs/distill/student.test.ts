import { expect, test } from "vitest";
import { randomTransformer } from "../../../test/support/random-transformer.ts";
import { bodySize } from "../../transformer/circuit-size.ts";
import { parts } from "../../transformer/parts.ts";
import { layersThatFit, randomStudent } from "./student.ts";

const model = randomTransformer({
  layers: 4,
  heads: 8,
  headWidth: 8,
  width: 64,
  hidden: 256,
  vocabulary: 500,
});
/** Queries, keys, values, output; up and down. */
const layer = 4 * 64 * 64 + 2 * 64 * 256;

test("as many layers as fit", () => {
  expect(bodySize(model)).toBe(4 * layer);
  const sizes = [layer, 2 * layer - 1, 2 * layer, 3.5 * layer, 4 * layer, 100 * layer];
  expect(sizes.map((size) => layersThatFit(model, size))).toEqual([1, 1, 2, 3, 4, 4]);
  expect(() => layersThatFit(model, layer - 1)).toThrow(
    "the circuit has 49,151 weights in heads and MLPs, and one layer of the original has 49,152: no student is as small.",
  );
});

test("starts as GPT-2 does, and from a seed", async () => {
  const student = randomStudent(model, 2, 7);
  expect(student.blocks).toHaveLength(2);
  expect(student.unembedding).toBe(student.tokenEmbedding);
  for (const { path, role, weight } of parts(student)) {
    const values = await weight.read();
    if (role === "vector") {
      expect(new Set(values), path).toEqual(new Set([path.endsWith(".scale") ? 1 : 0]));
      continue;
    }
    const isWriter = path.endsWith("output.weight") || path.endsWith("down.weight");
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    // Of 768 values and more: six standard errors.
    const [wanted, error] = [isWriter ? 0.01 : 0.02, 6 / Math.sqrt(values.length)];
    expect(Math.abs(deviation / wanted - 1), path).toBeLessThan(error);
    expect(Math.abs(mean / wanted), path).toBeLessThan(error);
  }
  const valuesOf = async (seed: number) => {
    const { blocks } = randomStudent(model, 1, seed);
    return blocks[0]?.mlp?.up.weight.read();
  };
  expect(await valuesOf(1)).toEqual(await valuesOf(1));
  expect(await valuesOf(1)).not.toEqual(await valuesOf(2));
});
