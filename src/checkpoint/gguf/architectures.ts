/**
 * The architectures of llama.cpp whose files Pith reads, each as the Hugging Face family that it was converted from:
 * what that family calls the tensors, how the converter stored them, and what config.json would say. From llama.cpp's
 * converters (conversion/*.py), gguf-py's tensor_mapping.py, and what its loader assumes where a file is silent
 * (src/models/*.cpp). A family that Pith reads and llama.cpp knows by the same computation is one more entry.
 */
import type { GgufFacts } from "./facts.ts";

/** How the converter stored what the original has in another order. */
type StoredOrder =
  /** Rows of queries and keys in pairs of neighbours, for llama.cpp's own way to turn them. */
  | "interleaved heads"
  /** Queries, keys and values one after another, which the original has group by group. */
  | "separated groups"
  /** Matrices [out, in], which the original has [in, out]. */
  | "turned matrices";

export interface GgufArchitecture {
  /** `model_type` of config.json. */
  readonly modelType: string;
  /** The original's name of each part outside the layers; what stands before ".weight" and ".bias". */
  readonly names: Readonly<Record<string, string>>;
  /** What stands before a layer's number. */
  readonly layers: string;
  /** The original's name of each part of a layer. */
  readonly parts: Readonly<Record<string, string>>;
  /** The field of config.json that holds ε of the norms. */
  readonly epsilon: string;
  readonly order?: StoredOrder;
  /** Whether norms are stored with the 1 that the original adds when it computes. */
  readonly normsPlusOne?: boolean;
  /** Whether attention turns; left out: it does. */
  readonly rotary?: boolean;
  /** The base by which layers with a window turn, without any scaling; left out, or undefined: as all others. */
  readonly windowBase?: (facts: GgufFacts) => number | undefined;
  /** Whether each head's norm of queries, or keys, is a tensor of its own in the original. */
  readonly normsByHead?: boolean;
  /** Fields of config.json beside those that all have. */
  readonly config?: (facts: GgufFacts) => Readonly<Record<string, unknown>>;
}

const llamaNames = { token_embd: "model.embed_tokens", output_norm: "model.norm", output: "lm_head" };

const llamaParts = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_output: "self_attn.o_proj",
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
};

const headNorms = { attn_q_norm: "self_attn.q_norm", attn_k_norm: "self_attn.k_norm" };

const llamaBiases = ({ has }: GgufFacts) => ({
  attention_bias: has("blk.0.attn_q.bias"),
  mlp_bias: has("blk.0.ffn_up.bias"),
});

const base = { names: llamaNames, layers: "model.layers.", parts: llamaParts, epsilon: "rms_norm_eps" };

const architectures: Readonly<Record<string, GgufArchitecture>> = {
  // Mistral's files are of this architecture too; they do not tell of a window.
  llama: { ...base, modelType: "llama", order: "interleaved heads", config: llamaBiases },
  // Which layers do not turn is not stored: every fourth, as llama.cpp has it and the family's default.
  smollm3: { ...base, modelType: "smollm3", order: "interleaved heads", config: llamaBiases },
  qwen2: { ...base, modelType: "qwen2" },
  qwen3: {
    ...base,
    modelType: "qwen3",
    parts: { ...llamaParts, ...headNorms },
    config: ({ has }) => ({ attention_bias: has("blk.0.attn_q.bias") }),
  },
  olmo2: {
    ...base,
    modelType: "olmo2",
    parts: {
      ...llamaParts,
      ...headNorms,
      post_attention_norm: "post_attention_layernorm",
      post_ffw_norm: "post_feedforward_layernorm",
    },
    // OLMo 3 is of this architecture too: it has windows.
    config: (facts) => {
      const windows = windowConfig(facts, olmo3WindowedOf);
      return windows === undefined ? {} : { model_type: "olmo3", ...windows };
    },
    windowBase: (facts) =>
      windowConfig(facts, olmo3WindowedOf) === undefined
        ? undefined
        : (facts.number("rope.freq_base_swa") ?? facts.number("rope.freq_base")),
  },
  gemma: { ...base, modelType: "gemma", normsPlusOne: true },
  gemma2: {
    ...base,
    modelType: "gemma2",
    normsPlusOne: true,
    parts: {
      ...llamaParts,
      post_attention_norm: "post_attention_layernorm",
      ffn_norm: "pre_feedforward_layernorm",
      post_ffw_norm: "post_feedforward_layernorm",
    },
    config: gemma2Config,
  },
  gemma3: {
    ...base,
    modelType: "gemma3_text",
    normsPlusOne: true,
    parts: {
      ...llamaParts,
      ...headNorms,
      post_attention_norm: "post_attention_layernorm",
      ffn_norm: "pre_feedforward_layernorm",
      post_ffw_norm: "post_feedforward_layernorm",
    },
    config: gemma3Config,
    windowBase: ({ number }) => number("rope.freq_base_swa") ?? 10_000,
  },
  phi2: {
    names: { ...llamaNames, output_norm: "model.final_layernorm" },
    layers: "model.layers.",
    parts: { ...llamaParts, attn_output: "self_attn.dense", ffn_up: "mlp.fc1", ffn_down: "mlp.fc2" },
    epsilon: "layer_norm_eps",
    modelType: "phi",
  },
  phi3: {
    ...base,
    modelType: "phi3",
    parts: { ...llamaParts, attn_qkv: "self_attn.qkv_proj", ffn_up: "mlp.gate_up_proj" },
    // 0 is how the converter writes none.
    config: ({ count }) => ({ sliding_window: count("attention.sliding_window") || null }),
  },
  stablelm: {
    ...base,
    modelType: "stablelm",
    epsilon: "layer_norm_eps",
    parts: {
      ...llamaParts,
      attn_q_norm: "self_attn.q_layernorm.norms",
      attn_k_norm: "self_attn.k_layernorm.norms",
    },
    normsByHead: true,
    config: ({ has, flag }) => {
      // The converter writes true where config.json does not say, so llama.cpp goes by the second norm, too.
      flag("use_parallel_residual");
      return {
        use_qkv_bias: has("blk.0.attn_q.bias"),
        qk_layernorm: has("blk.0.attn_q_norm.weight"),
        use_parallel_residual: !has("blk.0.ffn_norm.weight"),
      };
    },
  },
  starcoder2: {
    ...base,
    modelType: "starcoder2",
    parts: { ...llamaParts, ffn_up: "mlp.c_fc", ffn_down: "mlp.c_proj" },
    epsilon: "norm_epsilon",
    config: ({ has }) => ({ use_bias: has("blk.0.attn_q.bias") }),
  },
  gptneox: {
    names: { token_embd: "gpt_neox.embed_in", output_norm: "gpt_neox.final_layer_norm", output: "embed_out" },
    layers: "gpt_neox.layers.",
    parts: {
      attn_norm: "input_layernorm",
      attn_qkv: "attention.query_key_value",
      attn_output: "attention.dense",
      ffn_norm: "post_attention_layernorm",
      ffn_up: "mlp.dense_h_to_4h",
      ffn_down: "mlp.dense_4h_to_h",
    },
    epsilon: "layer_norm_eps",
    order: "separated groups",
    modelType: "gpt_neox",
    config: ({ has, flag }) => ({
      attention_bias: has("blk.0.attn_qkv.bias"),
      use_parallel_residual: flag("use_parallel_residual") ?? true,
    }),
  },
  falcon: {
    names: {
      token_embd: "transformer.word_embeddings",
      output_norm: "transformer.ln_f",
      output: "lm_head",
    },
    layers: "transformer.h.",
    parts: {
      attn_norm: "input_layernorm",
      attn_qkv: "self_attention.query_key_value",
      attn_output: "self_attention.dense",
      ffn_up: "mlp.dense_h_to_4h",
      ffn_down: "mlp.dense_4h_to_h",
    },
    epsilon: "layer_norm_epsilon",
    order: "separated groups",
    modelType: "falcon",
    config: ({ keyValueHeads }) => ({ multi_query: keyValueHeads === 1, parallel_attn: true }),
  },
  gpt2: {
    names: {
      token_embd: "transformer.wte",
      position_embd: "transformer.wpe",
      output_norm: "transformer.ln_f",
      output: "lm_head",
    },
    layers: "transformer.h.",
    parts: {
      attn_norm: "ln_1",
      attn_qkv: "attn.c_attn",
      attn_output: "attn.c_proj",
      ffn_norm: "ln_2",
      ffn_up: "mlp.c_fc",
      ffn_down: "mlp.c_proj",
    },
    epsilon: "layer_norm_epsilon",
    order: "turned matrices",
    rotary: false,
    modelType: "gpt2",
    config: ({ hiddenWidth }) => ({ n_inner: hiddenWidth }),
  },
};

/** Falcon of the new kind (40B, 180B): each part has a norm of its own, and the file calls the MLP's the first. */
const newFalconParts = { attn_norm: "ln_mlp", attn_norm_2: "ln_attn" };

/** Gemma 2's scale of scores is not stored: llama.cpp knows it by the number of layers. */
const gemma2LargeLayers = 46;

function gemma2Config({ count, number, layers, width, heads, headWidth }: GgufFacts) {
  return {
    query_pre_attn_scalar: layers === gemma2LargeLayers ? width / heads : headWidth,
    sliding_window: count("attention.sliding_window") ?? 4096,
    attn_logit_softcapping: number("attn_logit_softcapping") ?? 50,
    final_logit_softcapping: number("final_logit_softcapping") ?? 30,
  };
}

/** Gemma 3's likewise; that of the 27B. */
const gemma3LargeLayers = 62;

function gemma3Config(facts: GgufFacts) {
  const { number, layers, width, heads, headWidth } = facts;
  return {
    query_pre_attn_scalar: layers === gemma3LargeLayers ? width / heads : headWidth,
    final_logit_softcapping: number("final_logit_softcapping") || null,
    ...(windowConfig(facts, 6) ?? { layer_types: Array.from({ length: layers }, () => "full_attention") }),
  };
}

const olmo3WindowedOf = 4;

/**
 * The window, and the layers that have it; undefined if none has.
 * @param otherwise of how many layers the last has no window, if the file does not say.
 */
function windowConfig({ count, pattern, layers }: GgufFacts, otherwise: number) {
  const window = count("attention.sliding_window") || undefined;
  const given = pattern("attention.sliding_window_pattern") ?? otherwise;
  if (window === undefined) return undefined;
  const isWindowed = (layer: number) =>
    typeof given === "number" ? given === 0 || layer % given < given - 1 : given[layer];
  return {
    sliding_window: window,
    layer_types: Array.from({ length: layers }, (_, layer) =>
      isWindowed(layer) ? "sliding_attention" : "full_attention",
    ),
  };
}

/** The names of the architectures that are read. */
export const ggufArchitectureNames: readonly string[] = Object.keys(architectures);

/** Undefined for an architecture that Pith does not read. @param has whether the file has a tensor. */
export function ggufArchitecture(
  name: string,
  has: (tensor: string) => boolean,
): GgufArchitecture | undefined {
  const found = Object.hasOwn(architectures, name) ? architectures[name] : undefined;
  if (found === undefined || name !== "falcon" || !has("blk.0.attn_norm_2.weight")) return found;
  const config = () => ({ new_decoder_architecture: true, parallel_attn: true });
  return { ...found, parts: { ...found.parts, ...newFalconParts }, config };
}
