/** Decoder-profile folders in transformers.js 4 and 3, unforked: the same greedy text as without any cache. */
import { basename, dirname, join } from "node:path";
import {
  AutoModel,
  AutoTokenizer,
  env,
  pipeline,
  type TextGenerationPipeline,
} from "@huggingface/transformers";
import * as version3 from "transformers-js-3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readTransformer } from "../src/architectures/index.ts";
import { openCheckpoint } from "../src/architectures/open-checkpoint.ts";
import type { Checkpoint } from "../src/checkpoint/checkpoint.ts";
import { meanReplacements } from "../src/discovery/replacements.ts";
import { decoderProfile } from "../src/export/config-json.ts";
import { type CacheKind, cacheKinds } from "../src/lowering/cache-heads.ts";
import { lowerDecoder } from "../src/lowering/decoder.ts";
import { largestDifference, mostLikely } from "../src/measure/distribution.ts";
import type { Session } from "../src/runtime/runtime.ts";
import { loadTokenizer } from "../src/tokenizer/load-tokenizer.ts";
import { type Circuit, circuitOfLists } from "../src/transformer/circuit.ts";
import { indicesBelow } from "../src/transformer/component.ts";
import type { FoldedTransformer, Transformer } from "../src/transformer/transformer.ts";
import {
  goldenPrompts,
  goldenReplacements,
  goldenRuns,
  loadNano,
  nanoTokenizer,
  runtime,
  type ShippedWords,
  shipCircuit,
} from "./support/export-circuit.ts";
import { found, patchedLogits, runDecoder } from "./support/run-model.ts";
import type { Prompts } from "./support/run-search.ts";

const allOf = (layer: number) => Array.from({ length: 6 }, (_, head) => [layer, head] as const);
/** Heads by layer: 2, none, 3, 1, none, all 6. */
const uneven: Circuit = circuitOfLists({
  heads: [[0, 1], [0, 4], [2, 0], [2, 3], [2, 5], [3, 1], ...allOf(5)],
  mlps: [0, 1, 3, 5],
  neurons: [[1, indicesBelow(768).filter((neuron) => neuron % 4 === 1)]],
});
const headless: Circuit = circuitOfLists({ heads: [], mlps: [0, 3] });
const newTokens = 6;
const prompts = [
  "Then, Marcus and Michelle went to the garden. Marcus gave a computer to",
  "Then, George and Roman went",
];

/** Of a Llama of 3 layers, with 6 heads in 2 groups: parts of both groups, a part of the second, none. */
const ragged: Circuit = circuitOfLists({
  heads: [
    [0, 0],
    [0, 2],
    [0, 3],
    [1, 4],
    [1, 5],
  ],
  mlps: [0, 2],
});

/** Where folders lie, so that transformers.js takes the rest for a model's name. */
function nameFor(directory: string): string {
  for (const each of [env, version3.env]) {
    each.allowRemoteModels = false;
    each.localModelPath = dirname(directory);
  }
  return basename(directory);
}

const checkpoints: Checkpoint<unknown>[] = [];
afterAll(() => Promise.all(checkpoints.map((checkpoint) => checkpoint.close())));

interface Original {
  readonly model: Transformer;
  readonly words: ShippedWords;
  readonly patching: Prompts;
  readonly prompts: readonly string[];
}

const openNano = async (): Promise<Original> => ({
  model: await loadNano(),
  words: { tokenizer: await nanoTokenizer(), specialTokens: { bos: 2193, eos: [2193] } },
  patching: await goldenPrompts("ioi", "patching"),
  prompts,
});

/** A tiny checkpoint of another family, open until the tests are through. */
async function openTiny(folder: string): Promise<Original> {
  const directory = join("test/families", folder);
  const tokenizer = await loadTokenizer(directory);
  const checkpoint = await openCheckpoint(directory);
  checkpoints.push(checkpoint);
  const model = await readTransformer(checkpoint);
  const prompts = ["then and the", "where is the one on"];
  const patching = prompts.map((prompt) => tokenizer.encode(prompt));
  return { model, words: { tokenizer, specialTokens: { bos: 0, eos: [0] } }, patching, prompts };
}

async function ship({ model, words, patching }: Original, circuit: Circuit, caches: CacheKind) {
  const replacements = await meanReplacements(runtime, model, patching, "pooled", { neurons: true });
  const profile = decoderProfile(model, caches);
  return shipCircuit(model, circuit, replacements, profile, undefined, undefined, words);
}

/** Greedy continuation by our own runtime, each token from scratch. */
async function recompute(
  session: Session,
  model: FoldedTransformer,
  { tokenizer, specialTokens }: ShippedWords,
  prompt: string,
): Promise<string> {
  const ids = [...tokenizer.encode(prompt)];
  for (let step = 0; step < newTokens; step++) {
    const [logits] = await runDecoder(runtime, session, model, [ids]);
    const next = mostLikely(found(logits));
    if (specialTokens.eos.includes(next)) break;
    ids.push(next);
  }
  return tokenizer.decode(ids);
}

const libraries = [
  {
    library: "transformers.js 4",
    open: (name: string) => pipeline("text-generation", name, { dtype: "fp32" }),
  },
  {
    library: "transformers.js 3",
    // The two versions' pipelines are called alike.
    open: async (name: string) =>
      (await version3.pipeline("text-generation", name, {
        dtype: "fp32",
      })) as unknown as TextGenerationPipeline,
  },
];
const circuits = [
  {
    name: "layers that keep different numbers of heads, from none to all",
    circuit: uneven,
    open: openNano,
  },
  { name: "no attention at all", circuit: headless, open: openNano },
  {
    name: "heads that share keys and values, in ragged groups",
    circuit: ragged,
    open: () => openTiny("llama"),
  },
  {
    name: "heads that are wider than their share of the model",
    circuit: circuitOfLists({ heads: [[1, 2]], mlps: [0] }),
    open: () => openTiny("llama-rope3"),
  },
  {
    name: "no attention of such heads",
    circuit: circuitOfLists({ heads: [], mlps: [0] }),
    open: () => openTiny("llama-rope3"),
  },
];
const cases = libraries.flatMap(({ library, open }) =>
  circuits.flatMap(({ name, circuit, open: original }) =>
    cacheKinds
      // Version 3 makes its first caches after config.json, which has one number for all layers.
      .filter((caches) => caches === "uniform" || library !== "transformers.js 3")
      .map((caches) => ({ library, name, caches, open, circuit, original })),
  ),
);

describe.each(cases)("$library, pipeline, $caches caches: $name", ({ caches, open, circuit, original }) => {
  let generate: TextGenerationPipeline;
  let prompts: readonly string[];
  let expected: readonly string[];

  beforeAll(async () => {
    const opened = await original();
    prompts = opened.prompts;
    const { directory, standalone } = await ship(opened, circuit, caches);
    generate = await open(nameFor(directory));
    const session = await runtime.load(lowerDecoder(standalone, "portable"));
    expected = await Promise.all(
      prompts.map((prompt) => recompute(session, standalone, opened.words, prompt)),
    );
  });

  test("one prompt", async () => {
    for (const [index, prompt] of prompts.entries()) {
      const [result] = await generate(prompt, { max_new_tokens: newTokens });
      expect(result?.generated_text).toBe(expected[index]);
    }
  });

  test("several prompts of unequal length, padded on the left", async () => {
    const results = await generate([...prompts], { max_new_tokens: newTokens });
    expect(results.map(([result]) => result?.generated_text)).toEqual(expected);
  });
});

test.each([
  { library: "transformers.js 4", AutoModel, AutoTokenizer },
  { library: "transformers.js 3", AutoModel: version3.AutoModel, AutoTokenizer: version3.AutoTokenizer },
])("the aligned profile, as the model card says, in $library", async ({ AutoModel, AutoTokenizer }) => {
  const model = await loadNano();
  const run = found((await goldenRuns("ioi"))[0]);
  const replacements = await goldenReplacements(model, "ioi", run);
  const circuit = circuitOfLists({ heads: run.kept_heads, mlps: run.kept_mlps });
  const [ids = []] = await goldenPrompts("ioi", "validation");
  const profile = { kind: "aligned", length: ids.length } as const;
  const { directory } = await shipCircuit(model, circuit, replacements, profile);

  const name = nameFor(directory);
  const tokenizer = await AutoTokenizer.from_pretrained(name);
  const loaded = await AutoModel.from_pretrained(name, { dtype: "fp32" });
  const text = (await nanoTokenizer()).decode(ids);
  const { logits } = await loaded(tokenizer(text, { add_special_tokens: false }));
  expect(logits.dims).toEqual([1, model.vocabularySize]);
  const [patched] = await patchedLogits(runtime, model, circuit, replacements, [ids]);
  expect(largestDifference(logits.data, found(patched))).toBeLessThan(1e-4);
  // It can't generate, and no pipeline pretends that it could.
  for (const open of [pipeline, version3.pipeline]) {
    await expect(open("text-generation", name, { dtype: "fp32" })).rejects.toThrow(
      "Unsupported model type: pith-aligned",
    );
  }
});
