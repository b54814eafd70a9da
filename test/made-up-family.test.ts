/**
 * A family is added by adding: one that only a file of this test knows is registered, and everything works on its
 * models that works on GPT-2's. What is expected comes from a float64 model that shares no code with Pith's graphs.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cutCircuit } from "../src/cut/cut-circuit.ts";
import { meanReplacements } from "../src/discovery/replacements.ts";
import {
  type Extraction,
  extract,
  gatherReport,
  loadCircuit,
  loadModel,
  type Model,
  readTask,
  registerFamily,
  reportPage,
  type Task,
} from "../src/index.ts";
import { lowerDecoder } from "../src/lowering/decoder.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { circuitOf, wholeCircuit } from "../src/transformer/circuit.ts";
import { componentsOfModel, shapeOf } from "../src/transformer/component.ts";
import { madeUp, writeMadeUpModel } from "./support/made-up-family.ts";
import {
  logSoftmax,
  naive,
  naiveForward,
  naiveReplacements,
  naiveSearch,
} from "./support/naive-transformer.ts";
import {
  alignedLogits,
  decoderLogits,
  decoderStep,
  found,
  originalLogits,
  patchedLogits,
} from "./support/run-model.ts";

registerFamily(madeUp);
const runtime = inlineRuntime({ threads: 1 });
const tolerance = 1e-4;

let place: string;
let model: Model;
let task: Task;
let prompts: {
  readonly patching: readonly (readonly number[])[];
  readonly validation: readonly (readonly number[])[];
};

const names = ["Mary", "John", "Tom", "Anna", "Paul", "Lucy", "Mark", "Sarah"];
/** Random words: no model answers these, and none has to. */
const sentence = (at: number) =>
  `Then, ${names[at % 8]} and ${names[(at * 3 + 1) % 8]} went to the ${["market", "garden", "school"][at % 3]}.`;

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "pith-made-up-"));
  await writeMadeUpModel(join(place, "model"));
  model = await loadModel(join(place, "model"));
  const lines = Array.from({ length: 60 }, (_, at) => ({
    prompt: sentence(at),
    answers: [" to"],
    split: ["patching", "validation", "test"][at % 3],
  }));
  // As many as have the commonest length: aligned means take one length alone.
  const lengthOf = ({ prompt }: { readonly prompt: string }) => model.tokenizer.encode(prompt).length;
  const lengths = lines.map(lengthOf);
  const count = (length: number) => lengths.filter((each) => each === length).length;
  const commonest = [...lengths].sort((one, other) => count(other) - count(one))[0];
  const sameLength = lines.filter((line) => lengthOf(line) === commonest);
  expect(sameLength.length).toBeGreaterThan(15);
  await writeFile(join(place, "task.jsonl"), sameLength.map((line) => JSON.stringify(line)).join("\n"));
  task = await readTask(join(place, "task.jsonl"));
  const split = (name: string) =>
    sameLength.filter((line) => line.split === name).map(({ prompt }) => model.tokenizer.encode(prompt));
  prompts = { patching: split("patching"), validation: split("validation") };
});
afterAll(async () => {
  await model.close();
  await rm(place, { recursive: true });
});

/** The largest difference of two logits. */
function distance(some: readonly ArrayLike<number>[], others: readonly ArrayLike<number>[]): number {
  return Math.max(
    ...some.flatMap((row, at) =>
      Array.from(row, (value, token) => Math.abs(value - found(others[at]?.[token]))),
    ),
  );
}

test("its logits are the float64 model's, in every profile", async () => {
  const plain = await naive(model.transformer);
  const whole = wholeCircuit(shapeOf(model.transformer));
  const nothing = naiveReplacements(plain, [], "zero");
  const expected = prompts.validation.map((ids) => naiveForward(plain, ids, whole, nothing).logits);
  expect(
    distance(await originalLogits(runtime, model.transformer, prompts.validation), expected),
  ).toBeLessThan(tolerance);
  expect(
    distance(await alignedLogits(runtime, model.transformer, prompts.validation), expected),
  ).toBeLessThan(tolerance);
  expect(
    distance(await decoderLogits(runtime, model.transformer, prompts.validation), expected),
  ).toBeLessThan(tolerance);
});

describe("invariants 1 and 2", () => {
  test.each(["aligned", "pooled"] as const)("%s: standalone = patched = float64", async (means) => {
    const { transformer } = model;
    const replacements = await meanReplacements(runtime, transformer, prompts.patching, means);
    const plain = await naive(transformer);
    const left = naiveReplacements(plain, prompts.patching, means);
    const all = componentsOfModel(shapeOf(transformer));
    // All, none, and every second one: of the two query heads of a group one stays.
    for (const circuit of [circuitOf(all), circuitOf([]), circuitOf(all.filter((_, at) => at % 2 === 0))]) {
      const expected = prompts.validation.map((ids) => naiveForward(plain, ids, circuit, left).logits);
      const standalone = await cutCircuit(transformer, circuit, replacements);
      const patched = await patchedLogits(runtime, transformer, circuit, replacements, prompts.validation);
      expect(distance(patched, expected)).toBeLessThan(tolerance);
      expect(distance(await alignedLogits(runtime, standalone, prompts.validation), expected)).toBeLessThan(
        tolerance,
      );
      if (means === "pooled")
        expect(distance(await decoderLogits(runtime, standalone, prompts.validation), expected)).toBeLessThan(
          tolerance,
        );
    }
  });
});

test("generation with a cache is recomputation, where layers keep different groups", async () => {
  const { transformer } = model;
  const replacements = await meanReplacements(runtime, transformer, prompts.patching, "pooled");
  const plain = await naive(transformer);
  const left = naiveReplacements(plain, prompts.patching, "pooled");
  // Layer 0 keeps both groups, layer 1 one head of the second, layer 2 none.
  const circuit = circuitOf([
    { kind: "head", layer: 0, head: 1 },
    { kind: "head", layer: 0, head: 2 },
    { kind: "head", layer: 1, head: 3 },
    { kind: "mlp", layer: 0 },
    { kind: "mlp", layer: 2 },
  ]);
  const standalone = await cutCircuit(transformer, circuit, replacements);
  expect(standalone.blocks.map(({ attention }) => attention?.keyValueHeads)).toEqual([
    [0, 1],
    [1],
    undefined,
  ]);
  const session = await runtime.load(lowerDecoder(standalone, "portable"));
  let ids = [...found(prompts.validation[0])];
  let cache: Parameters<typeof decoderStep>[4];
  for (let step = 0; step < 5; step++) {
    const known = step === 0 ? 0 : ids.length - 1;
    const positions = [ids.slice(known).map((_, at) => known + at)];
    const feeds = { ids: [ids.slice(known)], mask: [ids.map(() => 1)], positions };
    const result = await decoderStep(runtime, session, standalone, feeds, cache);
    const logits = found(result.logits[0]?.at(-1));
    expect(distance([logits], [naiveForward(plain, ids, circuit, left).logits])).toBeLessThan(tolerance);
    cache = result.cache;
    ids = [...ids, logits.indexOf(Math.max(...logits))];
  }
});

describe.each(["aligned", "pooled"] as const)("extraction, %s means", (means) => {
  let extraction: Extraction;
  beforeAll(async () => {
    const options = { means, alpha: 0.3, allowWeak: true, threads: 1 } as const;
    extraction = await extract(model, task, join(place, means), options);
  });

  test("decides as the float64 search does", async () => {
    const plain = await naive(model.transformer);
    const left = naiveReplacements(plain, prompts.patching, means);
    const rule = { alpha: 0.3, mlps: true, order: "published" } as const;
    const expected = naiveSearch(plain, prompts.validation, left, rule);
    const { circuit: file } = extraction;
    expect(file.kept).toEqual(expected.circuit);
    expect(new Set(expected.trace.map(({ pruned }) => pruned)).size).toBe(2);
    for (const [step, { layer, component, kl, pruned }] of expected.trace.entries()) {
      const decision = found(file.search.trace[step]);
      expect(decision).toMatchObject({ layer, component, pruned });
      expect(Math.abs(decision.kl - kl)).toBeLessThan(tolerance);
    }
    expect(file.metrics.verified).toBeLessThan(tolerance);
    expect(file.model.family).toBe("made-up");
  });

  test("the folder opens without the original, and answers as the float64 circuit", async () => {
    const shipped = await loadCircuit(join(place, means), { threads: 1 });
    const prompt = sentence(1);
    const [first] = await shipped.predict(prompt, 1);
    await shipped.close();
    const plain = await naive(model.transformer);
    const left = naiveReplacements(plain, prompts.patching, means);
    const ids = model.tokenizer.encode(prompt);
    const { logits } = naiveForward(plain, ids, extraction.circuit.kept, left);
    expect(first?.id).toBe(logits.indexOf(Math.max(...logits)));
    expect(first?.probability).toBeCloseTo(Math.exp(Math.max(...logSoftmax(logits))), 4);
  });

  test("the report shows its inside, read back from the folder alone", async () => {
    const report = await gatherReport(join(place, means), { original: model, task, threads: 1 });
    expect(report.patterns).toHaveProperty("found");
    expect(report.attribution).toHaveProperty("found");
    expect(reportPage([report])).toContain("made-up");
  });
});
