import { afterAll, expect, test } from "vitest";
import { randomPrompts, randomTransformer } from "../../test/support/random-transformer.ts";
import { found } from "../../test/support/run-model.ts";
import { inlineRuntime } from "../runtime/node-runtime.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { constantWeight } from "../transformer/weight.ts";
import { createSinkMeter, decideFirstPosition } from "./first-position.ts";
import { prepareSearch } from "./prepare.ts";

const runtime = inlineRuntime({ threads: 1 });
afterAll(() => runtime.close());

test("the meter compares medians of norms, by hand", () => {
  const meter = createSinkMeter(2);
  // Two prompts of three tokens: first norms 5 and 10, others 1, 2, 2 and 1.
  meter.add(0, { length: 3 }, Float32Array.of(3, 4, 1, 0, 0, 2, 6, 8, 2, 0, 0, 1));
  // First norms 50 and 50, others all 5.
  meter.add(1, { length: 3 }, Float32Array.of(30, 40, 3, 4, 3, 4, 30, 40, 3, 4, 3, 4));
  expect(meter.sink()).toEqual({ layer: 1, ratio: 10 });
  const flat = createSinkMeter(2);
  flat.add(0, { length: 3 }, Float32Array.of(3, 4, 1, 0, 0, 2, 6, 8, 2, 0, 0, 1));
  expect(flat.sink()).toEqual({ layer: 0, ratio: 5 });
});

test("prompts of one token, or streams of zeros, have no sink", () => {
  const meter = createSinkMeter(1);
  meter.add(0, { length: 1 }, Float32Array.of(5, 6));
  expect(meter.sink()).toBeUndefined();
  meter.add(1, { length: 2 }, Float32Array.of(5, 0, 6, 0));
  expect(meter.sink()).toBeUndefined();
});

test("ten times is a sink, less is none", () => {
  expect(decideFirstPosition({ layer: 3, ratio: 10 }).firstPosition).toBe("apart");
  expect(decideFirstPosition({ layer: 3, ratio: 9.99 }).firstPosition).toBe("same");
  expect(decideFirstPosition(undefined)).toEqual({ firstPosition: "same", sink: undefined });
});

/** Its first position is as many times as far from zero as is said. */
async function withFirstPosition(factor: number): Promise<Transformer> {
  const model = randomTransformer({ layers: 2, heads: 2 });
  if (model.positions.kind !== "learned") throw new TypeError("a model with a table of positions");
  const { table } = model.positions;
  const values = Float32Array.from(await table.read());
  for (let at = 0; at < model.width; at++) values[at] = factor * (at % 2 === 0 ? 1 : -1);
  return { ...model, positions: { kind: "learned", table: constantWeight("table", table.shape, values) } };
}

test.each([
  [1000, "apart"],
  [1, "same"],
] as const)("auto on a model with a first row of %d treats it %s", async (factor, expected) => {
  const model = await withFirstPosition(factor);
  const patching = randomPrompts([3, 5, 4], model.vocabularySize);
  const prepare = (firstPosition: "auto" | "apart" | "same") =>
    prepareSearch(
      runtime,
      model,
      { patching, validation: patching },
      {
        ...{ ablation: "mean", means: "pooled", firstPosition },
      },
    );
  const auto = await prepare("auto");
  expect(auto.firstPosition?.firstPosition).toBe(expected);
  expect(found(auto.firstPosition?.sink).ratio >= 10).toBe(expected === "apart");
  expect(auto.replacements.rows.kind).toBe(expected === "apart" ? "apart" : "one");
  const given = await prepare(expected);
  expect(given.firstPosition).toEqual({ firstPosition: expected });
  expect(auto.replacements.mlp(1)).toEqual(given.replacements.mlp(1));
  await auto.evaluator.close();
  await given.evaluator.close();
});

test("aligned means and zero ablation have nothing to decide", async () => {
  const model = randomTransformer({ layers: 1 });
  const patching = randomPrompts([3, 3], model.vocabularySize);
  for (const choice of [
    { ablation: "mean", means: "aligned" },
    { ablation: "zero", means: "pooled" },
  ] as const) {
    const sets = { patching, validation: patching };
    const prepared = await prepareSearch(runtime, model, sets, { ...choice, firstPosition: "auto" });
    expect(prepared.firstPosition).toBeUndefined();
    await prepared.evaluator.close();
  }
});
