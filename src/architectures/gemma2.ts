/**
 * Gemma 2: Gemma's layers with a second norm after each part, a window in every other layer, caps on scores and
 * logits, and a scale of scores from config.json.
 */
import { z } from "zod";
import { activationName, checkConfig, countUpTo, type RawConfig } from "./config-fields.ts";
import {
  commonConfig,
  type DecoderConfig,
  decoderFields,
  epsilon,
  nullableFields,
} from "./decoder-config.ts";
import type { Family } from "./family.ts";
import { layerWindowFields, layerWindows } from "./layer-windows.ts";
import { type LayerTensors, llamaTensors, readLayeredDecoder } from "./layered-decoder.ts";
import { readRotary } from "./rotary-config.ts";

/** Gemma 3 has them too. */
export const gemma2Tensors: LayerTensors = {
  ...llamaTensors,
  names: {
    ...llamaTensors.names,
    attentionPostNorm: "post_attention_layernorm",
    mlpNorm: "pre_feedforward_layernorm",
    mlpPostNorm: "post_feedforward_layernorm",
  },
};

export const gemma2: Family<DecoderConfig> = {
  modelTypes: ["gemma2"],
  parseConfig: parseGemma2Config,
  describe: (config, checkpoint, onNote) => readLayeredDecoder(config, checkpoint, onNote, gemma2Tensors),
};

/** Of scores or logits; null: none. */
export const capLimit = z.number().positive().max(1e6).nullable();

/** The defaults of transformers' `Gemma2Config` for missing fields. */
const schema = z.object({
  ...decoderFields({
    ...{ vocabulary: 256_000, width: 2304, hiddenWidth: 9216, layers: 26, heads: 8 },
    ...{ activation: "gelu_pytorch_tanh", context: 8192, tied: true },
  }),
  head_dim: countUpTo(2 ** 16).default(256),
  // This family ignores hidden_act; files of its first releases have it too.
  hidden_act: z.unknown().optional(),
  hidden_activation: activationName.default("gelu_pytorch_tanh"),
  rms_norm_eps: epsilon.default(1e-6),
  attention_bias: z.boolean().default(false),
  query_pre_attn_scalar: z.number().positive().max(1e6).default(256),
  attn_logit_softcapping: capLimit.default(50),
  final_logit_softcapping: capLimit.default(30),
  sliding_window: layerWindowFields.sliding_window.default(4096),
  layer_types: layerWindowFields.layer_types,
});

/** Fields in which null has a meaning different from a missing field. */
const nullable = [...nullableFields, "attn_logit_softcapping", "final_logit_softcapping"];

function parseGemma2Config(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(schema, raw, file, nullable);
  const fields = { ...config, hidden_act: config.hidden_activation };
  const tokens = { bos: 2, eos: 1 };
  const common = commonConfig(fields, file, { modelType: "gemma2", keyValueHeads: 4, tokens });
  const { rotary, ...rest } = readRotary(raw, file, common);
  const windows = layerWindows({ ...config, use_sliding_window: true }, file, (layer) => layer % 2 === 0);
  const { attention_bias: bias } = config;
  return {
    ...common,
    ...rest,
    norm: { kind: "rms", epsilon: config.rms_norm_eps, plusOne: true },
    biases: { queryKeyValue: bias, output: bias, mlp: false },
    scoreScale: config.query_pre_attn_scalar ** -0.5,
    scoreCap: config.attn_logit_softcapping ?? undefined,
    logitCap: config.final_logit_softcapping ?? undefined,
    layerAttention: windows.map((window) => ({ rotary, window })),
    embeddingScale: Math.sqrt(common.width),
  };
}
