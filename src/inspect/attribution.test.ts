import { afterAll, describe, expect, test } from "vitest";
import { A, B, microModel } from "../../test/support/micro-model.ts";
import {
  type NaiveTransformer,
  naive,
  naiveForward,
  naiveReplacements,
} from "../../test/support/naive-transformer.ts";
import { randomPrompts, randomTransformer } from "../../test/support/random-transformer.ts";
import { found } from "../../test/support/run-model.ts";
import { makeReplacements } from "../../test/support/run-search.ts";
import { cutCircuit } from "../cut/cut-circuit.ts";
import { foldConstants } from "../lowering/fold-constants.ts";
import { inlineRuntime } from "../runtime/node-runtime.ts";
import { circuitOfLists, countKept } from "../transformer/circuit.ts";
import { attentionPatterns } from "./attention-patterns.ts";
import { attribute, attributeAnswers } from "./attribution.ts";
import { observe } from "./observe.ts";

const runtime = inlineRuntime({ threads: 1 });
afterAll(() => runtime.close());

/*
 * By hand, on the micro model (its header has the numbers), prompt A A: head 0 writes (0, 8), head 1 nothing, b_O
 * (0, −4), the MLP nothing but b_2 = (0, 4). The final norm reads (3, 8): its scale is √73. A's logit is
 * 10·ln 2/√73 =: g, B's 0, C's −20; C's comes from the norm's shift alone.
 */
const g = (10 * Math.LN2) / Math.sqrt(73);

describe("direct logit attribution of the micro model", () => {
  test("to the centred logit: embedding, constants, head 0, head 1, MLP", async () => {
    const { parts, totals, prompts } = await attributeAnswers(runtime, foldConstants(microModel()), [
      { ids: [A, A], answers: [A] },
    ]);
    expect(prompts).toBe(1);
    expect(parts.map(({ part }) => part)).toEqual([
      { kind: "embedding" },
      { kind: "constants" },
      { kind: "head", layer: 0, head: 0 },
      { kind: "head", layer: 0, head: 1 },
      { kind: "mlp", layer: 0 },
    ]);
    // A's direction less the vocabulary's mean: two thirds of A's, and a third of −C's.
    for (const [index, value] of [0, 20 / 3, (2 / 3) * g, 0, 0].entries()) {
      expect(parts[index]?.centred.mean).toBeCloseTo(value, 5);
      expect(parts[index]?.centred.deviation).toBe(0);
    }
    expect(totals[0]).toBeCloseTo(g - (g + 0 - 20) / 3, 5);
  });

  test("to the difference to a rival, with spread over prompts; several answers share the logit", async () => {
    const { parts } = await attributeAnswers(runtime, foldConstants(microModel()), [
      { ids: [A, A], answers: [A], rival: B },
      { ids: [A, A], answers: [A, B], rival: B },
    ]);
    const [, constants, head] = parts;
    expect(constants?.difference?.mean).toBeCloseTo(0, 5);
    // g of A against B, and g/2 of the mean of A and B against B.
    expect(head?.difference?.mean).toBeCloseTo((3 / 4) * g, 5);
    expect(head?.difference?.deviation).toBeCloseTo((g / 4) * Math.SQRT2, 5);
  });

  test("no prompts, and a prompt without an answer, are refused", async () => {
    await expect(attributeAnswers(runtime, foldConstants(microModel()), [])).rejects.toThrow(RangeError);
    await expect(
      attributeAnswers(runtime, foldConstants(microModel()), [{ ids: [A], answers: [] }]),
    ).rejects.toThrow(RangeError);
  });
});

test("parts of a stream whose mean is not zero: each is centred, nothing is lost", () => {
  const writes = [
    { part: { kind: "embedding" } as const, values: Float32Array.of(5, 1, 0) },
    { part: { kind: "constants" } as const, values: Float32Array.of(1, 1, 1) },
  ];
  // x = (6, 2, 1), mean 3, deviations (3, −1, −2), variance 14/3.
  const final = Float32Array.of(6, 2, 1);
  const norm = {
    kind: "layer",
    scale: Float32Array.of(1, 2, 1),
    shift: Float32Array.of(0, 0, 4),
    epsilon: 0,
  } as const;
  const direction = Float64Array.of(1, 1, 1);
  const sigma = Math.sqrt(14 / 3);
  // (5, 1, 0) less its mean 2: (3, −1, −2) · (1, 2, 1) = −1. Equal numbers vanish; the shift gives 4.
  const [embedding, constants] = attribute({ writes, final }, norm, direction);
  expect(embedding).toBeCloseTo(-1 / sigma, 12);
  expect(constants).toBeCloseTo(4, 12);
});

test("without scores attention is even over what came before, and nothing of it on what comes after", async () => {
  const [heads = []] = await attentionPatterns(runtime, foldConstants(microModel()), [[A, B]]);
  expect(heads.map(({ layer, head }) => [layer, head])).toEqual([
    [0, 0],
    [0, 1],
  ]);
  for (const { weights } of heads) expect(Array.from(weights)).toEqual([1, 0, 0.5, 0.5]);
});

describe.each(["aligned", "pooled", "apart", "zero"] as const)(
  "%s replacements, beside a float64 reference",
  (ablation) => {
    const model = randomTransformer({ layers: 3, heads: 3 });
    const circuit = circuitOfLists({
      heads: [
        [0, 1],
        [1, 0],
        [1, 2],
      ] as const,
      mlps: [0, 2],
    });
    const patching = randomPrompts([7, 7, 7], model.vocabularySize);
    const prompts = randomPrompts([7, 7], model.vocabularySize, 3);

    test("each head writes what it writes in the patched original, and the parts add up to its logit", async () => {
      const reference = await naive(model);
      const constants = naiveReplacements(reference, patching, ablation);
      const expected = prompts.map((ids) => naiveForward(reference, ids, circuit, constants));
      const replacements = await makeReplacements(runtime, model, ablation, patching);
      const standalone = await cutCircuit(model, circuit, replacements);
      const seen: string[] = [];
      await observe(
        runtime,
        standalone,
        prompts,
        ({ index, writes, patterns }) => {
          for (const { part, values } of writes) {
            if (part.kind !== "head") continue;
            const own = expected[index]?.heads[part.layer]?.[part.head]?.at(-1) ?? [];
            expect(own).toHaveLength(values.length);
            // What b_V makes a head write whatever it looks at is among the constants.
            const always = writtenAlways(reference, part.layer, part.head);
            for (const [at, value] of own.entries()) {
              expect(values[at]).toBeCloseTo(value - found(always[at]), 5);
            }
            seen.push(`${index}: ${part.layer}.${part.head}`);
          }
          expect(patterns).toHaveLength(countKept(circuit).head);
          for (const { weights } of patterns) expectPattern(weights, 7);
        },
        { patterns: true },
      );
      expect(seen).toEqual(["0: 0.1", "0: 1.0", "0: 1.2", "1: 0.1", "1: 1.0", "1: 1.2"]);

      const answers = [4, 9];
      const { totals } = await attributeAnswers(
        runtime,
        standalone,
        prompts.map((ids) => ({ ids, answers })),
      );
      for (const [index, { logits }] of expected.entries()) {
        const mean = logits.reduce((sum, logit) => sum + logit, 0) / logits.length;
        const own = ((logits[4] ?? 0) + (logits[9] ?? 0)) / 2 - mean;
        expect(totals[index]).toBeCloseTo(own, 4);
      }
    });
  },
);

/** b_V,h·W_O^h. */
function writtenAlways({ blocks }: NaiveTransformer, layer: number, head: number): readonly number[] {
  const { headWidth, value, output } = found(blocks[layer]).attention;
  const own = (_: unknown, row: number) => Math.floor(row / headWidth) === head;
  const bias = value.bias.filter(own);
  const weight = output.weight.filter(own);
  return found(weight[0]).map((_, column) =>
    weight.reduce((sum, row, at) => sum + found(bias[at]) * found(row[column]), 0),
  );
}

/** Rows are distributions, and no token looks at what comes after it. */
function expectPattern(weights: Float32Array, length: number): void {
  expect(weights).toHaveLength(length * length);
  for (let query = 0; query < length; query++) {
    const row = Array.from(weights.subarray(query * length, (query + 1) * length));
    expect(row.slice(query + 1).every((weight) => weight === 0)).toBe(true);
    expect(row.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5);
  }
}
