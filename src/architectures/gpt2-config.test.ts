import { describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { parseGpt2Config } from "./gpt2-config.ts";
import { parseConfig } from "./index.ts";

const parse = (fields: Record<string, unknown>) =>
  parseConfig({ model_type: "gpt2", ...fields }, "config.json");

describe("parseConfig, gpt2", () => {
  test("takes Hugging Face's defaults for what is missing", () => {
    expect(parse({})).toEqual({
      modelType: "gpt2",
      layers: 12,
      heads: 12,
      width: 768,
      hiddenWidth: 3072,
      contextLength: 1024,
      vocabularySize: 50_257,
      activation: "gelu-tanh",
      normEpsilon: 1e-5,
      scaleScores: true,
      scaleScoresByLayer: false,
      tiedEmbeddings: true,
      bosTokenId: 50_256,
      eosTokenIds: [50_256],
    });
  });

  test("takes a field's value over the default, and null for none", () => {
    const config = parse({
      n_embd: 6,
      n_head: 3,
      n_inner: 10,
      activation_function: "relu",
      scale_attn_weights: false,
      scale_attn_by_inverse_layer_idx: true,
      tie_word_embeddings: false,
      vocab_size: 9,
      bos_token_id: null,
      eos_token_id: [1, 2],
    });
    expect(config).toMatchObject({
      width: 6,
      heads: 3,
      hiddenWidth: 10,
      activation: "relu",
      scaleScores: false,
    });
    expect(config).toMatchObject({ scaleScoresByLayer: true, tiedEmbeddings: false });
    expect(config).toMatchObject({ bosTokenId: undefined, eosTokenIds: [1, 2] });
  });

  test("GPT-2's own end-of-text token is no default for another vocabulary", () => {
    expect(parse({ vocab_size: 100 })).toMatchObject({ bosTokenId: undefined, eosTokenIds: [] });
    const kept = { vocab_size: 100, bos_token_id: 50_256, eos_token_id: [50_256, 7] };
    expect(parse(kept)).toMatchObject({ bosTokenId: undefined, eosTokenIds: [7] });
  });

  test("null is the same as absent", () => {
    const nothing = {
      n_layer: null,
      hidden_size: null,
      activation_function: null,
      tie_word_embeddings: null,
    };
    expect(parse(nothing)).toEqual(parse({}));
  });

  test("takes the library's aliases, unless they contradict", () => {
    expect(parse({ hidden_size: 24, num_hidden_layers: 3, n_layer: 3 })).toMatchObject({
      width: 24,
      layers: 3,
    });
    expect(() => parse({ n_layer: 2, num_hidden_layers: 3 })).toThrow(
      'config.json, "num_hidden_layers": 3 contradicts "n_layer", 2',
    );
  });

  test.each([
    ["gelu_new", "gelu-tanh"],
    ["gelu_pytorch_tanh", "gelu-tanh"],
    ["gelu", "gelu"],
    ["silu", "silu"],
  ])("activation %s is %s", (name, activation) => {
    expect(parseGpt2Config({ activation_function: name }, "config.json").activation).toBe(activation);
  });

  test.each<readonly [field: string, value: unknown]>([
    ["n_layer", 1e9],
    ["n_layer", 0],
    ["n_layer", 1.5],
    ["n_layer", "12"],
    ["n_head", 7],
    ["n_head", -12],
    ["n_embd", 2 ** 40],
    ["n_inner", 0],
    ["n_positions", []],
    ["vocab_size", true],
    ["activation_function", "tanh"],
    ["activation_function", "constructor"],
    ["layer_norm_epsilon", -1e-5],
    ["layer_norm_epsilon", "1e-5"],
    ["scale_attn_weights", 1],
    ["tie_word_embeddings", "yes"],
    ["add_cross_attention", true],
    ["quantization_config", { quant_method: "gptq" }],
    ["pruned_heads", { "0": [1] }],
    ["eos_token_id", [0, -1]],
  ])("refuses %s %j, naming it", (field, value) => {
    let thrown: unknown;
    try {
      parse({ [field]: value });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(PithError);
    expect(thrown).toMatchObject({ code: "config", place: { file: "config.json", field } });
  });

  test("an unknown family says which are known", () => {
    expect(() => parseConfig({ model_type: "made-up" }, "config.json")).toThrow(
      'config.json, "model_type": "made-up" is not a family that Pith knows',
    );
    expect(() => parseConfig({}, "config.json")).toThrow("nothing is not a family");
    expect(() => parseConfig({ model_type: "__proto__" }, "config.json")).toThrow(PithError);
  });
});
