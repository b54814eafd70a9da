import { describe, expect, test } from "vitest";
import { layerNormWeights, positionTable } from "../../test/support/model-parts.ts";
import type { WeightDtype } from "../checkpoint/dtype.ts";
import { readSingleFile } from "../checkpoint/shards.ts";
import {
  encodeSafetensors,
  floatTensor,
  memorySource,
  type TestTensor,
  TINY_CONFIG,
  tinyTensors,
} from "../checkpoint/testing.ts";
import { PithError } from "../errors.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
import { parseConfig, readTransformer } from "./index.ts";

async function read(
  tensors: readonly TestTensor[],
  config: Record<string, unknown> = {},
  onNote?: (note: string) => void,
): Promise<Transformer> {
  const checkpoint = {
    directory: "tiny",
    config: parseConfig({ ...TINY_CONFIG, ...config }, "tiny/config.json"),
    weights: await readSingleFile(memorySource("tiny/model.safetensors", encodeSafetensors(tensors))),
  };
  return readTransformer(checkpoint, onNote);
}

/** The same tensors under other names. */
const renamed = (tensors: readonly TestTensor[], rename: (name: string) => string) =>
  tensors.map((tensor) => ({ ...tensor, name: rename(tensor.name) }));

/** The same structure with arrays for weights, names left out. */
async function resolved(value: unknown): Promise<unknown> {
  if (isWeight(value)) return { shape: value.shape, values: Array.from(await value.read()) };
  if (Array.isArray(value)) return Promise.all(value.map(resolved));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(async ([key, part]) => [key, await resolved(part)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

function isWeight(value: unknown): value is Weight {
  return typeof value === "object" && value !== null && "read" in value;
}

describe("readTransformer, gpt2", () => {
  test("puts every tensor in its place, and splits query, key and value by columns", async () => {
    const tensors = tinyTensors();
    const source = await readSingleFile(memorySource("", encodeSafetensors(tensors)));
    const stored = async (name: string) => Array.from((await source.get(name)?.read()) ?? []);
    const model = await read(tensors);
    expect(model).toMatchObject({ width: 4, vocabularySize: 7, contextLength: 5 });
    expect(model.blocks).toHaveLength(2);
    const attention = model.blocks[1]?.attention;
    const mlp = model.blocks[1]?.mlp;
    expect(attention).toMatchObject({ heads: [0, 1], headWidth: 2, scoreScale: 1 / Math.sqrt(2) });
    expect(mlp?.activation).toBe("gelu-tanh");

    const fused = await stored("h.1.attn.c_attn.weight");
    const fusedBias = await stored("h.1.attn.c_attn.bias");
    for (const [index, part] of [attention?.query, attention?.key, attention?.value].entries()) {
      const columns = [0, 1, 2, 3].flatMap((row) =>
        fused.slice(12 * row + 4 * index, 12 * row + 4 * index + 4),
      );
      expect(await resolved(part?.weight)).toEqual({ shape: [4, 4], values: columns });
      expect(await resolved(part?.bias)).toEqual({
        shape: [4],
        values: fusedBias.slice(4 * index, 4 * index + 4),
      });
    }
    const places: readonly (readonly [Weight | undefined, string])[] = [
      [model.tokenEmbedding, "wte.weight"],
      [positionTable(model), "wpe.weight"],
      [model.finalNorm.scale, "ln_f.weight"],
      [layerNormWeights(model.finalNorm).shift, "ln_f.bias"],
      [attention?.norm?.scale, "h.1.ln_1.weight"],
      [layerNormWeights(attention?.norm).shift, "h.1.ln_1.bias"],
      [attention?.output.weight, "h.1.attn.c_proj.weight"],
      [attention?.output.bias, "h.1.attn.c_proj.bias"],
      [mlp?.norm?.scale, "h.1.ln_2.weight"],
      [layerNormWeights(mlp?.norm).shift, "h.1.ln_2.bias"],
      [mlp?.up.weight, "h.1.mlp.c_fc.weight"],
      [mlp?.up.bias, "h.1.mlp.c_fc.bias"],
      [mlp?.down.weight, "h.1.mlp.c_proj.weight"],
      [mlp?.down.bias, "h.1.mlp.c_proj.bias"],
    ];
    for (const [weight, name] of places) {
      expect(weight?.name).toBe(name);
      expect(Array.from((await weight?.read()) ?? [])).toEqual(await stored(name));
    }
    expect(model.unembedding).toBe(model.tokenEmbedding);
  });

  test.each<
    readonly [name: string, options: { dtype?: WeightDtype; prefix?: string; unembedding?: boolean }]
  >([
    ["F16", { dtype: "F16" }],
    ["BF16", { dtype: "BF16" }],
    ["the transformer. prefix", { prefix: "transformer." }],
    ["the prefix and F16", { prefix: "transformer.", dtype: "F16" }],
  ])("%s gives the same model", async (_, options) => {
    const model = await read(tinyTensors(options));
    expect(await resolved(model)).toEqual(await resolved(await read(tinyTensors())));
    expect(model.unembedding).toBe(model.tokenEmbedding);
  });

  test("untied: the unembedding is a tensor of its own", async () => {
    const model = await read(tinyTensors({ unembedding: true }), { tie_word_embeddings: false });
    expect(model.unembedding.name).toBe("lm_head.weight");
    expect(await model.unembedding.read()).not.toEqual(await model.tokenEmbedding.read());
    await expect(read(tinyTensors(), { tie_word_embeddings: false })).rejects.toThrow(
      'tensor "lm_head.weight": is missing; config.json asks for it as [7, 4]',
    );
  });

  describe("tied embeddings", () => {
    const prefixed = tinyTensors({ prefix: "transformer." });
    const [embedding] = prefixed;
    if (embedding === undefined) throw new Error("no embedding");
    const copy = { ...embedding, name: "lm_head.weight" };

    test.each([
      ["the embedding and a copy of it", [...prefixed, copy]],
      [
        "a copy in another format",
        [...prefixed, { ...tinyTensors({ dtype: "F16" })[0], name: "lm_head.weight" }],
      ],
      ["the unembedding alone", renamed(prefixed, (name) => name.replace("transformer.wte", "lm_head"))],
    ] as [string, TestTensor[]][])("stored as %s, are one weight", async (_, tensors) => {
      const notes: string[] = [];
      const model = await read(tensors, {}, (note) => notes.push(note));
      expect(model.unembedding).toBe(model.tokenEmbedding);
      expect(await resolved(model)).toEqual(await resolved(await read(tinyTensors())));
      expect(notes).toEqual([]);
    });

    test("beside which another unembedding is stored are two, and that is said", async () => {
      const notes: string[] = [];
      const tensors = tinyTensors({ prefix: "transformer.", unembedding: true });
      const model = await read(tensors, {}, (note) => notes.push(note));
      expect(await resolved(model)).toEqual(
        await resolved(await read(tensors, { tie_word_embeddings: false })),
      );
      expect(model.unembedding.name).toBe("lm_head.weight");
      expect(notes).toEqual([
        "config.json ties the unembedding to transformer.wte.weight, but the checkpoint holds another lm_head.weight: that one is used, as transformers 5 does.",
      ]);
    });

    test("of which neither is there are an error", async () => {
      await expect(read(prefixed.slice(1))).rejects.toThrow('tensor "transformer.wte.weight": is missing');
    });
  });

  describe("names", () => {
    test.each(["_orig_mod.", "module.", "model.", "module._orig_mod.", "_forward_module.module."])(
      "with %s before all of them give the same model",
      async (wrapper) => {
        const tensors = tinyTensors({ prefix: "transformer.", unembedding: true });
        const wrapped = renamed(tensors, (name) => wrapper + name);
        expect(await resolved(await read(wrapped))).toEqual(await resolved(await read(tensors)));
      },
    );

    test("with a prefix that Pith does not know are an error that says what there is", async () => {
      const wrapped = renamed(tinyTensors(), (name) => `policy.${name}`);
      await expect(read(wrapped)).rejects.toThrow(
        'tensor "wte.weight": is missing; config.json asks for it as [7, 4]. There is "policy.wte.weight": take what stands before',
      );
    });

    test.each([
      "multiple_choice_head.summary.weight",
      "score.weight",
      "classifier.bias",
      "v_head.summary.weight",
    ])("%s is another head, which is left out with a note", async (name) => {
      const notes: string[] = [];
      const head = floatTensor(name, "F32", [2, 4], Array(8).fill(1));
      const model = await read([...tinyTensors(), head], {}, (note) => notes.push(note));
      expect(await resolved(model)).toEqual(await resolved(await read(tinyTensors())));
      expect(notes).toEqual([`The checkpoint also holds "${name}": another head, which is left out.`]);
    });
  });

  test("score scales", async () => {
    const root = 1 / Math.sqrt(2);
    const scales = async (config: Record<string, unknown>) =>
      (await read(tinyTensors(), config)).blocks.map((block) => block.attention?.scoreScale);
    expect(await scales({ scale_attn_weights: false })).toEqual([1, 1]);
    expect(await scales({ scale_attn_by_inverse_layer_idx: true })).toEqual([root, root / 2]);
    expect(await scales({ reorder_and_upcast_attn: true })).toEqual([root, root]);
  });

  const mask = (name: string): TestTensor => ({
    name,
    dtype: "BOOL",
    shape: [1, 1, 5, 5],
    bytes: new Uint8Array(25),
  });

  test("old mask buffers are passed over", async () => {
    const buffers = [
      mask("h.0.attn.bias"),
      mask("h.1.attn.bias"),
      floatTensor("h.1.attn.masked_bias", "F32", [], [-1]),
    ];
    expect(await resolved(await read([...tinyTensors(), ...buffers]))).toEqual(
      await resolved(await read(tinyTensors())),
    );
  });

  const replaced = (tensor: TestTensor) => [
    ...tinyTensors().filter(({ name }) => name !== tensor.name),
    tensor,
  ];
  const f32 = (name: string, shape: readonly number[], count: number) =>
    floatTensor(name, "F32", shape, Array(count).fill(1));

  test.each<readonly [name: string, tensors: readonly TestTensor[], message: string]>([
    [
      "a missing tensor",
      tinyTensors().filter(({ name }) => name !== "h.1.ln_2.bias"),
      'tensor "h.1.ln_2.bias": is missing; config.json asks for it as [4]',
    ],
    [
      "a transposed matrix",
      replaced(f32("h.0.mlp.c_fc.weight", [6, 4], 24)),
      "has shape [6, 4]; config.json asks for [4, 6]. It is transposed, as nn.Linear and nanoGPT store it. Convert",
    ],
    ["another rank", replaced(f32("ln_f.bias", [4, 1], 4)), "has shape [4, 1]; config.json asks for [4]"],
    [
      "integers for a weight",
      replaced({ name: "ln_f.bias", dtype: "I32", shape: [4], bytes: new Uint8Array(16) }),
      "I32 can't be read as a weight",
    ],
    [
      "a surplus tensor",
      [...tinyTensors(), f32("surplus.weight", [2, 4], 8)],
      'tensor "surplus.weight": has no place',
    ],
    ["a layer too many", [...tinyTensors(), mask("h.2.attn.bias")], 'tensor "h.2.attn.bias": has no place'],
    [
      "a tied unembedding of another shape",
      [...tinyTensors(), f32("lm_head.weight", [8, 4], 32)],
      "has shape [8, 4]",
    ],
    [
      "two models in one file",
      [...tinyTensors(), ...tinyTensors({ prefix: "transformer." })],
      "(nor have 27 others)",
    ],
  ])("refuses %s before any data is read", async (_, tensors, message) => {
    const result = read(tensors);
    await expect(result).rejects.toThrow(PithError);
    await expect(result).rejects.toMatchObject({
      code: "checkpoint",
      message: expect.stringContaining(message),
    });
  });

  test("a config of more layers than the file has", async () => {
    await expect(read(tinyTensors(), { n_layer: 3 })).rejects.toThrow(
      'tensor "h.2.attn.c_attn.weight": is missing',
    );
  });
});
