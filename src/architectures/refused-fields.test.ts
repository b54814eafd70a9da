import { describe, expect, test } from "vitest";
import { parseConfig } from "./index.ts";

const parse = (fields: Record<string, unknown>) => () => parseConfig(fields, "config.json");

describe("what changes the computation and is not understood is refused by name", () => {
  test.each([
    ["olmo3", { rope_theta: 10_000 }, '"rope_theta"', "disagree"],
    ["olmo3", { rope_parameters: { rope_theta: 10_000 } }, '"rope_parameters.rope_theta"', "full_attention"],
    ["gemma3_text", { rope_parameters: { full_attention: 3 } }, '"rope_parameters.full_attention"', "object"],
    ["gemma3_text", { attn_logit_softcapping: 50 }, '"attn_logit_softcapping"', "caps no scores"],
    ["gemma3_text", { use_bidirectional_attention: true }, '"use_bidirectional_attention"', "causal"],
    ["opt", { do_layer_norm_before: false }, '"do_layer_norm_before"', "OPT-350m"],
    ["opt", { _remove_final_layer_norm: true }, '"_remove_final_layer_norm"', "final norm"],
    ["opt", { layer_norm_elementwise_affine: false }, '"layer_norm_elementwise_affine"', "without a scale"],
    ["opt", { word_embed_proj_dim: 512 }, '"word_embed_proj_dim"', "projected to hidden_size 768"],
    ["gptj", { rotary_dim: null }, '"rotary_dim"', "whole heads"],
    ["gptj", { rotary_dim: 258 }, '"rotary_dim"', "258 of a head's 256 elements"],
    ["gptj", { n_embd: 0 }, '"n_embd"', "is 0"],
    ["gptj", { n_embd: 64, hidden_size: 32 }, '"n_embd"', "contradicts"],
    ["gpt_neo", { num_layers: 2 }, '"attention_types"', "tells of 24 layers; there are 2"],
    [
      "gpt_neo",
      { num_layers: 1, attention_types: [[["local"], 1]], attention_layers: ["global"] },
      '"attention_layers"',
      "contradicts",
    ],
    ["gpt_neox", { head_dim: 8 }, '"head_dim"', "share the width"],
    ["gpt_neox", { rotary_pct: 0.5, partial_rotary_factor: 1 }, '"rotary_pct"', "contradicts"],
    ["falcon", { alibi: true }, '"alibi"', "ALiBi"],
    ["falcon", { multi_query: null }, '"multi_query"', "null"],
    ["falcon", { multi_query: false, num_kv_heads: 1 }, '"num_kv_heads"', "groups of heads"],
    ["falcon", { num_ln_in_parallel_attn: 2 }, '"num_ln_in_parallel_attn"', "new architecture"],
    [
      "falcon",
      { new_decoder_architecture: true, parallel_attn: false },
      '"parallel_attn"',
      "new architecture",
    ],
    ["gemma2", { use_bidirectional_attention: true }, '"use_bidirectional_attention"', "causal"],
    [
      "gemma2",
      { sliding_window: null, num_hidden_layers: 1, layer_types: ["sliding_attention"] },
      '"layer_types"',
      "window",
    ],
  ])("%s %j", (type, fields, named, why) => {
    const attempt = parse({ model_type: type, ...fields });
    expect(attempt).toThrow(named);
    expect(attempt).toThrow(why);
  });
});

test("how blocks are arranged", () => {
  const arrangement = (fields: Record<string, unknown>) => parse(fields)();
  expect(arrangement({ model_type: "gpt_neox", use_parallel_residual: false })).toMatchObject({
    arrangement: "sequential",
  });
  expect(
    arrangement({ model_type: "falcon", new_decoder_architecture: true, num_kv_heads: 71 }),
  ).toMatchObject({
    arrangement: "parallel",
    keyValueHeads: 71,
  });
  expect(arrangement({ model_type: "falcon" })).toMatchObject({
    arrangement: "parallel, one norm",
    keyValueHeads: 1,
    headWidth: 64,
    hiddenWidth: 18_176,
  });
  expect(arrangement({ model_type: "falcon", parallel_attn: false })).toMatchObject({
    arrangement: "sequential",
  });
});
