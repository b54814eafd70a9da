/**
 * Gemma 3's text models: Gemma 2's layers with a norm of each head's query and key instead of capped scores. Of
 * every six layers, five have a window and one has none, and the two kinds have different bases of rotary
 * positions.
 */
import { z } from "zod";
import { activationName, checkConfig, countUpTo, largestSize, type RawConfig } from "./config-fields.ts";
import {
  commonConfig,
  type DecoderConfig,
  decoderFields,
  epsilon,
  nullableFields,
} from "./decoder-config.ts";
import type { Family } from "./family.ts";
import { capLimit, gemma2Tensors } from "./gemma2.ts";
import { layerWindowFields, layerWindows } from "./layer-windows.ts";
import { readLayeredDecoder } from "./layered-decoder.ts";
import { readRotaryByLayer } from "./rotary-by-layer.ts";

export const gemma3: Family<DecoderConfig> = {
  modelTypes: ["gemma3_text"],
  parseConfig: parseGemma3Config,
  describe: (config, checkpoint, onNote) => readLayeredDecoder(config, checkpoint, onNote, gemma2Tensors),
};

/** The defaults of transformers' `Gemma3TextConfig` for missing fields. */
const schema = z.object({
  ...decoderFields({
    ...{ vocabulary: 262_208, width: 2304, hiddenWidth: 9216, layers: 26, heads: 8 },
    ...{ activation: "gelu_pytorch_tanh", context: 131_072, tied: true },
  }),
  head_dim: countUpTo(2 ** 16).default(256),
  // Not a field of this family.
  hidden_act: z.unknown().optional(),
  hidden_activation: activationName.default("gelu_pytorch_tanh"),
  rms_norm_eps: epsilon.default(1e-6),
  attention_bias: z.boolean().default(false),
  query_pre_attn_scalar: z.number().positive().max(1e6).default(256),
  final_logit_softcapping: capLimit.optional(),
  sliding_window: layerWindowFields.sliding_window.default(4096),
  /** One of this many layers has no window. */
  sliding_window_pattern: countUpTo(largestSize).default(6),
  layer_types: layerWindowFields.layer_types,
});

function parseGemma3Config(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(schema, raw, file, nullableFields);
  const fields = { ...config, hidden_act: config.hidden_activation };
  const tokens = { bos: 2, eos: 1 };
  const common = commonConfig(fields, file, { modelType: "gemma3_text", keyValueHeads: 4, tokens });
  const { full, windowed, ...rest } = readRotaryByLayer(raw, file, common, {
    full: { field: "rope_theta", otherwise: 1_000_000 },
    windowed: { field: "rope_local_base_freq", otherwise: 10_000 },
  });
  const windows = layerWindows(
    { ...config, use_sliding_window: true },
    file,
    (layer) => (layer + 1) % config.sliding_window_pattern !== 0,
  );
  const { attention_bias: bias } = config;
  return {
    ...common,
    ...rest,
    norm: { kind: "rms", epsilon: config.rms_norm_eps, plusOne: true },
    biases: { queryKeyValue: bias, output: bias, mlp: false },
    projectionNorms: "shared",
    scoreScale: config.query_pre_attn_scalar ** -0.5,
    logitCap: config.final_logit_softcapping ?? undefined,
    layerAttention: windows.map((window) => ({ rotary: window === undefined ? full : windowed, window })),
    embeddingScale: Math.sqrt(common.width),
  };
}
