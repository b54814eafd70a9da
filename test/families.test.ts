/**
 * The conformance suite: every registered family, on tiny checkpoints of test/families, against what transformers
 * computes in float64 (test/families/README.md). A family joins by its folder there, and fails without one.
 */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { knownModelTypes, readTransformer } from "../src/architectures/index.ts";
import { openCheckpoint } from "../src/architectures/open-checkpoint.ts";
import type { Checkpoint } from "../src/checkpoint/checkpoint.ts";
import { cutCircuit } from "../src/cut/cut-circuit.ts";
import type { Decision } from "../src/discovery/searches/decision.ts";
import { readStructure } from "../src/export/read-standalone.ts";
import { shipModel } from "../src/export/ship-model.ts";
import { encodePrompts, tokenIds } from "../src/jobs/prompts.ts";
import { readTask } from "../src/jobs/read-task.ts";
import { lowerDecoder } from "../src/lowering/decoder.ts";
import { asFolded } from "../src/lowering/fold-constants.ts";
import { logProbabilities } from "../src/measure/distribution.ts";
import { countParameters } from "../src/measure/parameters.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { loadTokenizer } from "../src/tokenizer/load-tokenizer.ts";
import type { Tokenizer } from "../src/tokenizer/tokenizer.ts";
import { circuitOf, circuitOfLists, listsOf, wholeCircuit } from "../src/transformer/circuit.ts";
import { circuitSize } from "../src/transformer/circuit-size.ts";
import { componentsOfModel, indicesBelow, neuronCountsOf, shapeOf } from "../src/transformer/component.ts";
import type { AnyTransformer, Transformer } from "../src/transformer/transformer.ts";
import { constantWeight, elementCount, type Weight } from "../src/transformer/weight.ts";
import { modelTypeOf, referenceOf, tinyFolder, tinyFolders } from "./support/family-reference.ts";
import {
  alignedLogits,
  decoderLogits,
  decoderStep,
  found,
  originalLogits,
  patchedLogits,
} from "./support/run-model.ts";
import { makeReplacements, runSearch } from "./support/run-search.ts";

/** Logits, log-probabilities and nats; what float32 against float64 is allowed. */
const tolerance = 1e-4;

/** Families whose reference is elsewhere: nano is a GPT-2. */
const elsewhere = ["gpt2"];

test("every family has a tiny checkpoint", () => {
  const tested = new Set([...tinyFolders.map(modelTypeOf), ...elsewhere]);
  expect(knownModelTypes().filter((type) => !tested.has(type))).toEqual([]);
});

const runtime = inlineRuntime({ threads: 1 });
afterAll(() => runtime.close());

const distance = (some: ArrayLike<number>, others: ArrayLike<number>): number => {
  expect(some.length).toBe(others.length);
  return Math.max(...Array.from(some, (value, at) => Math.abs(value - found(others[at]))));
};
const distances = (some: readonly ArrayLike<number>[], others: readonly ArrayLike<number>[]): number => {
  expect(some.length).toBe(others.length);
  return Math.max(...some.map((row, at) => distance(row, found(others[at]))));
};

describe.each(tinyFolders)("%s", (folder) => {
  const directory = tinyFolder(folder);
  const reference = referenceOf(folder);
  const prompts = reference.prompts.map(({ input_ids }) => input_ids);
  const expected = reference.prompts.map(({ logits }) => logits);
  let checkpoint: Checkpoint<unknown>;
  let model: Transformer;
  let tokenizer: Tokenizer;

  beforeAll(async () => {
    const opened = await openCheckpoint(directory);
    checkpoint = opened;
    model = await readTransformer(opened);
    tokenizer = await loadTokenizer(directory);
  });
  afterAll(() => checkpoint.close());

  test("prompts, and the task's prompts and answers, have the reference's tokens", async () => {
    expect(reference.prompts.map(({ text }) => tokenizer.encode(text))).toEqual(prompts);
    const options = { means: "aligned", bos: false, seed: 0 } as const;
    const task = await readTask(join(directory, "task.jsonl"));
    const encoded = encodePrompts(task, tokenizer, model.contextLength, options);
    expect(tokenIds(encoded.patching)).toEqual(reference.patching_ids);
    expect(tokenIds(encoded.validation)).toEqual(reference.validation_ids);
    const answers = encoded.validation.map((prompt) => prompt.answers.map(([first]) => first));
    expect(answers).toEqual(reference.answer_ids);
  });

  test("logits are the reference's: layer by layer, as an aligned and as a decoder graph", async () => {
    expect(distances(await originalLogits(runtime, model, prompts), expected)).toBeLessThan(tolerance);
    expect(distances(await decoderLogits(runtime, model, prompts), expected)).toBeLessThan(tolerance);
    for (const [at, ids] of prompts.entries()) {
      const aligned = await alignedLogits(runtime, model, [ids]);
      expect(distances(aligned, [found(expected[at])])).toBeLessThan(tolerance);
    }
  });

  test("generation with a cache is recomputation", async () => {
    await expectCacheToServe(model, found(prompts.at(-2)));
  });

  const ragged = () => circuitOf(componentsOfModel(shapeOf(model)).filter((_, at) => at % 3 !== 1));
  /** The same heads; of each MLP every third neuron, from another one on in each layer. */
  const raggedNeurons = () =>
    circuitOfLists({
      heads: listsOf(ragged()).heads,
      mlps: [],
      neurons: neuronCountsOf(model).map((count, layer) => [
        layer,
        indicesBelow(count).filter((neuron) => neuron % 3 === layer % 3),
      ]),
    });

  test.each(["aligned", "pooled", "zero"] as const)(
    "%s: cutting nothing changes nothing; what is cut answers as the patched model",
    async (kind) => {
      const { patching_ids: patching, validation_ids: validation } = reference;
      const replacements = await makeReplacements(runtime, model, kind, patching);
      const shape = shapeOf(model);
      const original = await originalLogits(runtime, model, validation);
      const run = kind === "pooled" ? decoderLogits : alignedLogits;
      const whole = await cutCircuit(model, wholeCircuit(shape), replacements);
      expect(distances(await run(runtime, whole, validation), original)).toBeLessThan(tolerance);
      for (const circuit of [circuitOf([]), ragged(), raggedNeurons()]) {
        const patched = await patchedLogits(runtime, model, circuit, replacements, validation);
        const standalone = await cutCircuit(model, circuit, replacements);
        expect(distances(await run(runtime, standalone, validation), patched)).toBeLessThan(tolerance);
      }
    },
  );

  test("a circuit is what its file and circuit.json say of it", async () => {
    const replacements = await makeReplacements(runtime, model, "pooled", reference.patching_ids);
    const standalone = await cutCircuit(model, raggedNeurons(), replacements);
    const logits = await decoderLogits(runtime, standalone, prompts);
    for (const operators of ["portable", "onnxruntime"] as const) {
      const { graph, shipped, structure } = shipModel(standalone, { kind: "decoder" }, operators);
      const stored = new Map<string, Weight>();
      for (const { value, weight } of graph.weights) {
        const values = await weight.read();
        if (!(values instanceof Float32Array)) throw new TypeError("a weight that is not float32");
        stored.set(value.name, constantWeight(value.name, weight.shape, values));
      }
      const readBack = readStructure("model.onnx_data", stored, structure);
      expect(distances(await decoderLogits(runtime, readBack, prompts), logits)).toBeLessThan(tolerance);
      const elements = graph.weights.reduce((sum, { weight }) => sum + elementCount(weight.shape), 0);
      expect(countParameters(shipped).total).toBe(elements);
      expect(countParameters(shipped).body).toBe(circuitSize(model, raggedNeurons()));
    }
  });

  test("a circuit generates with a cache as without", async () => {
    const replacements = await makeReplacements(runtime, model, "pooled", reference.patching_ids);
    await expectCacheToServe(await cutCircuit(model, ragged(), replacements), found(prompts.at(-2)));
  });

  test.each(
    reference.runs.map((run) => {
      const { ablation, means, alpha, order, include_mlps } = run;
      const name = [ablation, means, `α ${alpha}`, order, include_mlps ? "MLPs" : "heads only"].join(", ");
      return { name, run };
    }),
  )("Algorithm 1: $name", async ({ run }) => {
    const { alpha, order, include_mlps: mlps, means } = run;
    const { patching_ids: patching, validation_ids: validation } = reference;
    const ablation = run.ablation === "zero" ? "zero" : means;
    const options = { ablation, patching, validation, alpha, mlps, order } as const;
    const { circuit, trace, kl, replacements } = await runSearch(runtime, model, options);
    expect(listsOf(circuit)).toEqual({ heads: run.kept_heads, mlps: run.kept_mlps });
    const decided = (decisions: readonly Decision[]) =>
      decisions.map(({ layer, component, pruned }) => ({ layer, component, pruned }));
    expect(decided(trace)).toEqual(decided(run.trace));
    const differences = trace.map((decision, step) => Math.abs(decision.kl - found(run.trace[step]).kl));
    expect(Math.max(...differences, Math.abs(kl - run.kl))).toBeLessThan(tolerance);

    const standalone = await cutCircuit(model, circuitOfLists(listsOf(circuit)), replacements);
    const first = validation.slice(0, run.final_logprobs.length);
    const logits = await (means === "aligned" ? alignedLogits : decoderLogits)(runtime, standalone, first);
    expect(distances(logits.map(logProbabilities), run.final_logprobs)).toBeLessThan(tolerance);
  });
});

/** Greedy generation over some steps: with the cache of all steps before, and from nothing. */
async function expectCacheToServe(model: AnyTransformer, prompt: readonly number[]): Promise<void> {
  const session = await runtime.load(lowerDecoder(asFolded(model), "portable"));
  let ids = [...prompt];
  let cache: Parameters<typeof decoderStep>[4];
  for (let step = 0; step < 5; step++) {
    const known = step === 0 ? 0 : ids.length - 1;
    const positions = [ids.slice(known).map((_, at) => known + at)];
    const feeds = { ids: [ids.slice(known)], mask: [ids.map(() => 1)], positions };
    const result = await decoderStep(runtime, session, model, feeds, cache);
    const logits = found(result.logits[0]?.at(-1));
    expect(distances([logits], await decoderLogits(runtime, model, [ids]))).toBeLessThan(tolerance);
    cache = result.cache;
    ids = [...ids, logits.indexOf(Math.max(...logits))];
  }
}
