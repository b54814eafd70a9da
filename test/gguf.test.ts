/**
 * GGUF files that llama.cpp's own converter made of the tiny checkpoints of test/families (test/gguf/README.md): each is
 * the model that the checkpoint is, to the last bit but for rotary factors, which it stores in float32.
 */
import { readFileSync } from "node:fs";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parseConfig, readTransformer } from "../src/architectures/index.ts";
import type { CheckpointWeight } from "../src/checkpoint/shards.ts";
import { readSingleFile } from "../src/checkpoint/shards.ts";
import { memorySource } from "../src/checkpoint/testing.ts";
import { loadModel } from "../src/jobs/load-model.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { parts } from "../src/transformer/parts.ts";
import type { Transformer } from "../src/transformer/transformer.ts";
import { referenceOf, tinyFolder } from "./support/family-reference.ts";
import { found, originalLogits } from "./support/run-model.ts";

const runtime = inlineRuntime({ threads: 1 });
afterAll(() => runtime.close());

/** What was changed in config.json before the conversion: mostly, fewer layers. */
const changes: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "llama-rope3": { num_hidden_layers: 1 },
  qwen2: { num_hidden_layers: 1 },
  qwen3: { num_hidden_layers: 1 },
  olmo2: { num_hidden_layers: 1 },
  gemma: { num_hidden_layers: 1 },
  // The scale of scores is not in the file: llama.cpp takes the head's width, as the released models have it.
  gemma2: { num_hidden_layers: 2, query_pre_attn_scalar: 12 },
  // Likewise; which layers have a window is not in the file either: five of six, as in the released models.
  gemma3: { num_hidden_layers: 1, query_pre_attn_scalar: 12, sliding_window_pattern: 6 },
  olmo3: {},
  phi: { num_hidden_layers: 1 },
  phi3: { num_hidden_layers: 1 },
  gpt_neox: { num_hidden_layers: 1 },
  falcon: { num_hidden_layers: 1, num_kv_heads: 1 },
  stablelm: { num_hidden_layers: 1 },
  "stablelm-qk": { num_hidden_layers: 1 },
  // A window is not in the file: llama.cpp has none for this architecture.
  starcoder2: { num_hidden_layers: 1, sliding_window: null },
  // Which layers do not turn is not in the file: every fourth, as in the released models.
  smollm3: { no_rope_layers: [1, 1, 1, 0] },
};

/** More files of those checkpoints: what they have beside, and what config.json said of it. */
const variants: Readonly<
  Record<string, { readonly of: string; readonly change: Readonly<Record<string, unknown>> }>
> = {
  "gemma3-pattern": { of: "gemma3", change: { num_hidden_layers: 3, query_pre_attn_scalar: 12 } },
  "phi3-longrope": {
    of: "phi3",
    change: {
      num_hidden_layers: 1,
      original_max_position_embeddings: 16,
      rope_scaling: { type: "longrope", short_factor: [1, 1.25, 1.5, 2], long_factor: [2, 3, 4, 8] },
    },
  },
  "qwen2-yarn": {
    of: "qwen2",
    change: {
      num_hidden_layers: 1,
      rope_scaling: { type: "yarn", factor: 4, original_max_position_embeddings: 16 },
    },
  },
};

/** Numbers that files hold in float32, of angles and their scales. */
const rounded = ["llama-rope3", "phi3-longrope"];

const fixture = (name: string) => join("test/gguf", `${name}.gguf`);

/** The checkpoint's model, with matrices in float32 rounded to bfloat16 as the converter was told to. */
async function original(folder: string, change: Readonly<Record<string, unknown>>): Promise<Transformer> {
  const raw = { ...JSON.parse(readFileSync(join(folder, "config.json"), "utf8")), ...change };
  const config = parseConfig(raw, "config.json");
  const file = readFileSync(join(folder, "model.safetensors"));
  const all = await readSingleFile(memorySource("model.safetensors", file));
  const weights = new Map(
    [...all]
      .filter(([name]) => Number(/\.(?:layers|h)\.(\d+)\./.exec(name)?.[1] ?? 0) < config.layers)
      .map(([name, weight]) => [name, inBfloat16(weight)]),
  );
  return readTransformer({ directory: folder, config, weights });
}

function inBfloat16(weight: CheckpointWeight): CheckpointWeight {
  if (weight.dtype !== "F32" || weight.shape.length < 2) return weight;
  const { parts: _, readRows: __, ...whole } = weight;
  return { ...whole, read: async () => (await weight.read()).map(roundedToBfloat16) };
}

function roundedToBfloat16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  const all = bits[0] as number;
  bits[0] = (all + 0x7fff + ((all >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0] as number;
}

const distance = (some: readonly ArrayLike<number>[], others: readonly ArrayLike<number>[]) =>
  Math.max(
    ...some.map((row, at) =>
      Math.max(...Array.from(row, (value, place) => Math.abs(value - found(others[at]?.[place])))),
    ),
  );

const files = [
  ...Object.entries(changes).map(([name, change]) => ({ name, of: name, change })),
  ...Object.entries(variants).map(([name, variant]) => ({ name, ...variant })),
];

describe.each(files)("$name", ({ name, of, change }) => {
  test("has the checkpoint's logits, weights and tokens", async () => {
    const reference = referenceOf(of);
    const prompts = reference.prompts.map(({ input_ids }) => input_ids);
    const model = await loadModel(fixture(name));
    try {
      const expected = await original(tinyFolder(of), change);
      expect(parts(model.transformer).length).toBe(parts(expected).length);
      const [own, theirs] = [
        await originalLogits(runtime, model.transformer, prompts),
        await originalLogits(runtime, expected, prompts),
      ];
      expect(distance(own, theirs)).toBeLessThan(rounded.includes(name) ? 1e-5 : 1e-9);
      expect(reference.prompts.map(({ text }) => model.tokenizer.encode(text))).toEqual(prompts);
    } finally {
      await model.close();
    }
  });
});

test("gpt2 has the checkpoint's logits", async () => {
  const model = await loadModel(fixture("gpt2"));
  try {
    const expected = await original("test/gguf/gpt2", {});
    const prompts = [[3], [5, 60, 7, 81, 9], Array.from({ length: 32 }, (_, at) => 4 * at)];
    const [own, theirs] = [
      await originalLogits(runtime, model.transformer, prompts),
      await originalLogits(runtime, expected, prompts),
    ];
    expect(distance(own, theirs)).toBeLessThan(1e-9);
  } finally {
    await model.close();
  }
});

test("a Falcon of the new kind has transformers' logits", async () => {
  const { prompts }: { prompts: readonly { input_ids: readonly number[]; logits: readonly number[] }[] } =
    JSON.parse(readFileSync("test/gguf/falcon40/expected.json", "utf8"));
  const ids = prompts.map(({ input_ids }) => input_ids);
  const expected = prompts.map(({ logits }) => logits);
  const model = await loadModel(fixture("falcon40"));
  try {
    const checkpoint = await original("test/gguf/falcon40", {});
    const own = await originalLogits(runtime, model.transformer, ids);
    expect(distance(own, await originalLogits(runtime, checkpoint, ids))).toBeLessThan(1e-9);
    expect(distance(own, expected)).toBeLessThan(1e-4);
  } finally {
    await model.close();
  }
});

describe("a model of several files", () => {
  const split = (part: number) => `test/gguf/split/gpt2-0000${part}-of-00003.gguf`;

  test("is the same model, by its first file", async () => {
    const [whole, parted] = [await loadModel(fixture("gpt2")), await loadModel(split(1))];
    try {
      expect(parted.name).toBe("gpt2");
      expect(parted.files.map(({ path }) => basename(path))).toEqual(
        [1, 2, 3].map((part) => basename(split(part))),
      );
      const prompts = [[1, 2, 3]];
      expect(await originalLogits(runtime, parted.transformer, prompts)).toEqual(
        await originalLogits(runtime, whole.transformer, prompts),
      );
    } finally {
      await whole.close();
      await parted.close();
    }
  });

  test("is asked for by its first file, and misses none", async () => {
    await expect(loadModel(split(2))).rejects.toThrow("-00001-of-00003.gguf");
    const folder = await mkdtemp(join(tmpdir(), "pith-gguf-"));
    try {
      for (const part of [1, 2]) await copyFile(split(part), join(folder, basename(split(part))));
      await expect(loadModel(join(folder, basename(split(1))))).rejects.toThrow("is part 3 of 3");
      await copyFile(split(2), join(folder, basename(split(3))));
      await expect(loadModel(join(folder, basename(split(1))))).rejects.toThrow("split.no");
      // A part under a name of its own.
      await copyFile(split(1), join(folder, "whole.gguf"));
      await expect(loadModel(join(folder, "whole.gguf"))).rejects.toThrow("split.count");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("what would change the model and is not understood", () => {
  /** The file with some bytes in place of others of the same length. */
  async function changed(from: string, to: string): Promise<Promise<unknown>> {
    const folder = await mkdtemp(join(tmpdir(), "pith-gguf-"));
    const bytes = readFileSync(fixture("qwen2"));
    bytes.write(to, bytes.indexOf(from), "latin1");
    const path = join(folder, "m.gguf");
    await writeFile(path, bytes);
    return loadModel(path).finally(() => rm(folder, { recursive: true }));
  }

  test.each([
    ["an architecture", "qwen2", "mamba", '"mamba", which Pith does not read'],
    ["a key of the architecture's", "head_count_kv", "head_count_xy", "qwen2.attention.head_count_xy"],
    ["a tensor", "blk.0.ffn_gate", "blk.0.ffn_sort", 'tensor "blk.0.ffn_sort.weight"'],
    ["a pre-tokenizer", "gpt-2", "gpt-9", '"gpt-9", which Pith does not know'],
  ])("%s is refused by name", async (_, from, to, fault) => {
    await expect(changed(from, to)).rejects.toThrow(fault);
  });
});
