/**
 * Qwen 2, 2.5 and 3: Llama's layers. Qwen2 has biases on queries, keys and values; Qwen3 has none, but normalises
 * each head's query and key before they are rotated. Upper layers may see only a window of tokens.
 */
import { z } from "zod";
import { checkConfig, countUpTo, type RawConfig } from "./config-fields.ts";
import {
  commonConfig,
  type DecoderConfig,
  decoderFields,
  epsilon,
  nullableFields,
} from "./decoder-config.ts";
import type { Family } from "./family.ts";
import { layerWindowFields, layerWindows } from "./layer-windows.ts";
import { readLayeredDecoder } from "./layered-decoder.ts";
import { readRotary } from "./rotary-config.ts";

export const qwen2: Family<DecoderConfig> = {
  modelTypes: ["qwen2"],
  parseConfig: parseQwen2Config,
  describe: readLayeredDecoder,
};

export const qwen3: Family<DecoderConfig> = {
  modelTypes: ["qwen3"],
  parseConfig: parseQwen3Config,
  describe: readLayeredDecoder,
};

/** The defaults of transformers' `Qwen2Config` for missing fields; `Qwen3Config` has the same. */
const fields = {
  ...decoderFields({
    ...{ vocabulary: 151_936, width: 4096, hiddenWidth: 22_016, layers: 32, heads: 32 },
    ...{ activation: "silu", context: 32_768, tied: false },
  }),
  rms_norm_eps: epsilon.default(1e-6),
  ...layerWindowFields,
  sliding_window: layerWindowFields.sliding_window.default(4096),
  max_window_layers: z.int().min(0).default(28),
};
const qwen2Schema = z.object(fields);
const qwen3Schema = z.object({
  ...fields,
  head_dim: countUpTo(2 ** 16).default(128),
  attention_bias: z.boolean().default(false),
});

function parseQwen2Config(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(qwen2Schema, raw, file, nullableFields);
  return {
    ...parseQwen("qwen2", config, raw, file),
    biases: { queryKeyValue: true, output: false, mlp: false },
  };
}

function parseQwen3Config(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(qwen3Schema, raw, file, nullableFields);
  const { attention_bias: bias } = config;
  return {
    ...parseQwen("qwen3", config, raw, file),
    projectionNorms: "shared",
    biases: { queryKeyValue: bias, output: bias, mlp: false },
  };
}

function parseQwen(
  modelType: string,
  config: z.output<typeof qwen2Schema>,
  raw: RawConfig,
  file: string,
): Omit<DecoderConfig, "biases"> {
  const common = commonConfig(config, file, { modelType, keyValueHeads: 32 });
  const { rotary, ...rest } = readRotary(raw, file, common);
  const windows = layerWindows(config, file, (layer) => layer >= config.max_window_layers);
  return {
    ...common,
    ...rest,
    norm: { kind: "rms", epsilon: config.rms_norm_eps },
    layerAttention: windows.map((window) => ({ rotary, window })),
  };
}
