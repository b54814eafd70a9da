/** What families with Llama's names read of config.json, and what they refuse. */
import { describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import type { DecoderConfig } from "./decoder-config.ts";
import { knownModelTypes, parseConfig } from "./index.ts";

const parse = (modelType: string, fields: Record<string, unknown> = {}) =>
  parseConfig({ model_type: modelType, ...fields }, "config.json") as DecoderConfig;

/** By the families that this file is about. */
const families = [
  ...["llama", "mistral", "qwen2", "qwen3", "gemma", "phi3", "smollm3", "starcoder2", "stablelm", "olmo2"],
];

const faultOf = (modelType: string, fields: Record<string, unknown>): unknown => {
  try {
    parse(modelType, fields);
  } catch (error) {
    return error;
  }
  return undefined;
};

describe("transformers' defaults", () => {
  test.each([
    ["llama", 32, 4096, 32, 32, 128, 11_008, 2048, "silu", 1e-6, false, 1, [2]],
    ["mistral", 32, 4096, 32, 8, 128, 14_336, 131_072, "silu", 1e-6, false, 1, [2]],
    ["qwen2", 32, 4096, 32, 32, 128, 22_016, 32_768, "silu", 1e-6, false, undefined, []],
    ["qwen3", 32, 4096, 32, 32, 128, 22_016, 32_768, "silu", 1e-6, false, undefined, []],
    ["gemma", 28, 3072, 16, 16, 256, 24_576, 8192, "gelu-tanh", 1e-6, true, 2, [1]],
    ["phi3", 32, 3072, 32, 32, 96, 8192, 4096, "silu", 1e-5, false, 1, [32_000]],
    ["smollm3", 36, 2048, 16, 4, 128, 11_008, 32_768, "silu", 1e-6, true, 128_000, [128_001]],
    ["starcoder2", 30, 3072, 24, 2, 128, 12_288, 4096, "gelu-tanh", 1e-5, true, undefined, []],
    ["stablelm", 32, 2560, 32, 32, 80, 6912, 4096, "silu", 1e-5, false, 0, [0]],
    ["olmo2", 32, 4096, 32, 32, 128, 11_008, 2048, "silu", 1e-5, false, undefined, [50_279]],
    ["olmo3", 32, 4096, 32, 32, 128, 11_008, 2048, "silu", 1e-5, false, undefined, [50_279]],
    ["gemma3_text", 26, 2304, 8, 4, 256, 9216, 131_072, "gelu-tanh", 1e-6, true, 2, [1]],
  ] as const)("%s", (type, layers, width, heads, keyValueHeads, headWidth, ...rest) => {
    const [hiddenWidth, contextLength, activation, epsilon, tiedEmbeddings, bosTokenId, eosTokenIds] = rest;
    const config = parse(type);
    expect(config).toMatchObject({ modelType: type, layers, width, heads, keyValueHeads, headWidth });
    expect(config).toMatchObject({ hiddenWidth, contextLength, activation, norm: { epsilon } });
    expect(config).toMatchObject({ tiedEmbeddings, eosTokenIds, notes: [] });
    expect(config.bosTokenId).toBe(bosTokenId);
    expect(config.layerAttention).toHaveLength(layers);
  });

  test("bases and shares of rotary positions", () => {
    const second = (type: string) => parse(type).layerAttention[0]?.rotary?.frequencies[1];
    expect(second("llama")).toBeCloseTo(10_000 ** (-2 / 128), 12);
    expect(second("smollm3")).toBeCloseTo(2_000_000 ** (-2 / 128), 12);
    // A quarter of 80 elements.
    expect(second("stablelm")).toBeCloseTo(10_000 ** (-2 / 20), 12);
  });
});

describe("layers with a window turn otherwise than those without", () => {
  const scaling = { rope_type: "linear", factor: 8 };
  const layersOf = (type: string, fields: Record<string, unknown>) =>
    parse(type, { num_hidden_layers: 4, ...fields }).layerAttention.map(({ rotary, window }) => [
      window,
      rotary?.frequencies[1],
    ]);
  const angle = (base: number, by = 1) => base ** (-2 / 256) / by;

  test("gemma3_text in the manner of transformers 4 and of 5", () => {
    const old = { rope_theta: 5e5, rope_local_base_freq: 700, rope_scaling: scaling };
    const windows = { sliding_window: 9, sliding_window_pattern: 2 };
    const expected = [9, undefined, 9, undefined].map((window) => [
      window,
      window === undefined ? angle(5e5, 8) : angle(700),
    ]);
    expect(layersOf("gemma3_text", { ...old, ...windows })).toEqual(expected);
    const rope_parameters = {
      full_attention: { ...scaling, rope_theta: 5e5 },
      sliding_attention: { rope_type: "default", rope_theta: 700 },
    };
    const types = ["sliding_attention", "full_attention", "sliding_attention", "full_attention"];
    const fresh = { rope_parameters, layer_types: types, sliding_window: 9 };
    expect(layersOf("gemma3_text", fresh)).toEqual(expected);
  });

  test("gemma3_text and olmo3 without such fields", () => {
    expect(layersOf("gemma3_text", { num_hidden_layers: 6 }).slice(4)).toEqual([
      [4096, angle(10_000)],
      [undefined, angle(1_000_000)],
    ]);
    const third = layersOf("olmo3", { rope_theta: 500_000, rope_scaling: scaling }).slice(2);
    const [first, scaled] = [500_000 ** (-2 / 128), 500_000 ** (-2 / 128) / 8];
    expect(third).toEqual([
      [4096, first],
      [undefined, scaled],
    ]);
  });
});

test("heads: their width, and how many share keys and values", () => {
  expect(parse("llama", { hidden_size: 60, num_attention_heads: 6 })).toMatchObject({
    headWidth: 10,
    keyValueHeads: 6,
  });
  const grouped = { hidden_size: 60, num_attention_heads: 6, num_key_value_heads: 2, head_dim: 16 };
  expect(parse("llama", grouped)).toMatchObject({ headWidth: 16, keyValueHeads: 2 });
  // Mistral's 8 are for files that say nothing; null says that each head has its own.
  const mistral = { hidden_size: 64, num_attention_heads: 16 };
  expect(parse("mistral", mistral).keyValueHeads).toBe(8);
  expect(parse("mistral", { ...mistral, num_key_value_heads: null }).keyValueHeads).toBe(16);
});

describe("windows", () => {
  const windowsOf = (type: string, fields: Record<string, unknown>) =>
    parse(type, { num_hidden_layers: 3, ...fields }).layerAttention.map(({ window }) => window);

  test("Mistral: in all layers; null says none, absence 4,096", () => {
    expect(windowsOf("mistral", { sliding_window: 6 })).toEqual([6, 6, 6]);
    expect(windowsOf("mistral", { sliding_window: null })).toEqual([undefined, undefined, undefined]);
    expect(windowsOf("mistral", {})).toEqual([4096, 4096, 4096]);
  });

  test.each(["phi3", "starcoder2"])("%s: in all layers; absence says none", (type) => {
    expect(windowsOf(type, { sliding_window: 6 })).toEqual([6, 6, 6]);
    expect(windowsOf(type, {})).toEqual([undefined, undefined, undefined]);
  });

  test.each(["qwen2", "qwen3"])("%s: where they are used, in upper layers or those listed", (type) => {
    const given = { sliding_window: 6, max_window_layers: 2 };
    expect(windowsOf(type, given)).toEqual([undefined, undefined, undefined]);
    expect(windowsOf(type, { ...given, use_sliding_window: true })).toEqual([undefined, undefined, 6]);
    const layer_types = ["sliding_attention", "full_attention", "full_attention"];
    expect(windowsOf(type, { ...given, use_sliding_window: true, layer_types })).toEqual([
      6,
      undefined,
      undefined,
    ]);
    expect(faultOf(type, { num_hidden_layers: 3, ...given, layer_types })).toMatchObject({
      place: { field: "layer_types" },
    });
  });
});

test("SmolLM3: 1 means that a layer turns, and every fourth does not where nothing is said", () => {
  const turns = (fields: Record<string, unknown>) =>
    parse("smollm3", { num_hidden_layers: 5, ...fields }).layerAttention.map(
      ({ rotary }) => rotary !== undefined,
    );
  expect(turns({})).toEqual([true, true, true, false, true]);
  expect(turns({ no_rope_layer_interval: 2 })).toEqual([true, false, true, false, true]);
  expect(turns({ no_rope_layers: [0, 1, 1, 0, 1] })).toEqual([false, true, true, false, true]);
  expect(faultOf("smollm3", { num_hidden_layers: 5, no_rope_layers: [1] })).toMatchObject({
    place: { field: "no_rope_layers" },
  });
});

test("biases", () => {
  const none = { queryKeyValue: false, output: false, mlp: false };
  expect(parse("llama").biases).toEqual(none);
  expect(parse("llama", { attention_bias: true }).biases).toEqual({
    ...none,
    queryKeyValue: true,
    output: true,
  });
  expect(parse("llama", { mlp_bias: true }).biases).toEqual({ ...none, mlp: true });
  expect(parse("qwen2").biases).toEqual({ ...none, queryKeyValue: true });
  expect(parse("starcoder2").biases).toEqual({ queryKeyValue: true, output: true, mlp: true });
  expect(parse("starcoder2", { use_bias: false }).biases).toEqual(none);
  expect(parse("stablelm", { use_qkv_bias: true }).biases).toEqual({ ...none, queryKeyValue: true });
});

test("Gemma: embeddings times √d, scales with 1 added, GELU by its tanh form whatever it is called", () => {
  const config = parse("gemma", { hidden_size: 64, hidden_act: "gelu" });
  expect(config).toMatchObject({ embeddingScale: 8, activation: "gelu-tanh", norm: { plusOne: true } });
  expect(faultOf("gemma", { hidden_act: "gelu", hidden_activation: "relu" })).toMatchObject({
    place: { field: "hidden_activation" },
  });
});

test("Phi-3 with longrope is read up to its original length, and says so", () => {
  const factors = { short_factor: Array(48).fill(1.5), long_factor: Array(48).fill(4) };
  const config = parse("phi3", {
    max_position_embeddings: 131_072,
    original_max_position_embeddings: 4096,
    rope_scaling: { type: "su", ...factors },
  });
  expect(config.contextLength).toBe(4096);
  expect(config.notes[0]).toContain("longrope");
  // 131072 / 4096 = 32: √(1 + ln 32 / ln 4096).
  expect(config.layerAttention[0]?.rotary?.scale).toBeCloseTo(Math.sqrt(1 + 5 / 12), 12);
});

test("StableLM's parallel blocks share one norm", () => {
  expect(parse("stablelm", { use_parallel_residual: true }).arrangement).toBe("parallel, one norm");
});

describe.each(families)("%s refuses by name", (type) => {
  test.each<readonly [field: string, value: unknown]>([
    ["quantization_config", { quant_method: "gptq" }],
    ["is_encoder_decoder", true],
    ["add_cross_attention", true],
    ["use_bidirectional_attention", true],
    ["alibi", true],
    ["num_local_experts", 8],
    ["num_experts", 64],
    ["embedding_multiplier", 12],
    ["attn_logit_softcapping", 50],
    ["final_logit_softcapping", 30],
    ["logit_scale", 0.0625],
    ["pruned_heads", { "0": [1] }],
    ["hidden_act", "gelu_10"],
    ["num_hidden_layers", 1e9],
    ["num_attention_heads", 0],
    ["num_key_value_heads", 7],
    ["vocab_size", "many"],
    ["max_position_embeddings", -1],
    ["tie_word_embeddings", "no"],
    ["rope_scaling", { type: "mrope" }],
  ])("%s %j", (field, value) => {
    const fault = faultOf(type, { [field]: value });
    expect(fault).toBeInstanceOf(PithError);
    const { code, place } = fault as PithError;
    expect(code).toBe("config");
    expect(place.field?.split(".")[0]).toBe(field);
  });

  test("nothing where such fields ask for nothing", () => {
    const nothing = {
      quantization_config: null,
      is_encoder_decoder: false,
      pruned_heads: {},
      num_experts: 0,
    };
    expect(parse(type, nothing)).toEqual(parse(type));
    const neutral = { attn_logit_softcapping: null, logit_scale: 1, add_cross_attention: false };
    expect(parse(type, neutral)).toEqual(parse(type));
  });
});

test.each<readonly [type: string, field: string, value: unknown]>([
  ["llama", "rope_interleaved", true],
  ["stablelm", "qk_layernorm", "yes"],
  ["stablelm", "head_dim", 64],
  ["mistral", "layer_types", ["full_attention", "sliding_attention"]],
  ["starcoder2", "mlp_type", "gated"],
  ["qwen2", "layer_types", ["linear_attention"]],
])("%s refuses %s %j", (type, field, value) => {
  const fault = faultOf(type, { [field]: value });
  expect(fault).toMatchObject({ code: "config" });
  expect((fault as PithError).place.field?.split(".")[0]).toBe(field);
});

describe("models of other kinds are told by what they are", () => {
  test.each([
    ["mixtral", "a mixture of experts"],
    ["gpt_oss", "a mixture of experts"],
    ["llava", "multimodal"],
    ["qwen2_5_vl", "multimodal"],
    ["bert", "an encoder"],
    ["t5", "an encoder–decoder model"],
    ["mamba2", "recurrent"],
    ["bloom", "ALiBi"],
  ])("%s is %s", (type, kind) => {
    expect(knownModelTypes()).not.toContain(type);
    const fault = faultOf(type, {});
    expect(fault).toMatchObject({ code: "config", place: { file: "config.json", field: "model_type" } });
    expect(String(fault)).toContain(`"${type}" is`);
    expect(String(fault)).toContain(kind);
    expect(String(fault)).toContain("Known: gpt2, llama");
  });

  test.each([
    [{ num_local_experts: 8 }, "a mixture of experts"],
    [{ vision_config: {}, text_config: {} }, "multimodal"],
    [{ is_encoder_decoder: true }, "encoder–decoder"],
    [{ num_experts: 1 }, "not a family that Pith knows"],
  ])("a type that nobody knows, with %j: %s", (fields, kind) => {
    expect(String(faultOf("brand-new", fields))).toContain(kind);
  });
});
