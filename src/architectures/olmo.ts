/**
 * OLMo 2 and 3: Llama's layers, with norms after attention and MLP but none before them; queries are normalised
 * over all heads together, and keys too. Three of four layers of OLMo 3 have a window, and rotary positions are
 * not scaled there.
 */
import { z } from "zod";
import { checkConfig, configError, type RawConfig } from "./config-fields.ts";
import {
  commonConfig,
  type DecoderConfig,
  decoderFields,
  epsilon,
  nullableFields,
  sameInAll,
} from "./decoder-config.ts";
import type { Family } from "./family.ts";
import { layerWindowFields, layerWindows } from "./layer-windows.ts";
import { type LayerTensors, llamaTensors, readLayeredDecoder } from "./layered-decoder.ts";
import { readRotaryByLayer } from "./rotary-by-layer.ts";
import { readRotary } from "./rotary-config.ts";

const olmoTensors: LayerTensors = {
  ...llamaTensors,
  names: {
    ...llamaTensors.names,
    attentionNorm: undefined,
    mlpNorm: undefined,
    attentionPostNorm: "post_attention_layernorm",
    mlpPostNorm: "post_feedforward_layernorm",
  },
};

const describe: Family<DecoderConfig>["describe"] = (config, checkpoint, onNote) =>
  readLayeredDecoder(config, checkpoint, onNote, olmoTensors);

export const olmo2: Family<DecoderConfig> = {
  modelTypes: ["olmo2"],
  parseConfig: parseOlmo2Config,
  describe,
};

export const olmo3: Family<DecoderConfig> = {
  modelTypes: ["olmo3"],
  parseConfig: parseOlmo3Config,
  describe,
};

/** The defaults of transformers' `Olmo2Config` for missing fields; `Olmo3Config` has the same. */
const fields = {
  ...decoderFields({
    ...{ vocabulary: 50_304, width: 4096, hiddenWidth: 11_008, layers: 32, heads: 32 },
    ...{ activation: "silu", context: 2048, tied: false },
  }),
  rms_norm_eps: epsilon.default(1e-5),
  attention_bias: z.boolean().default(false),
};
const olmo2Schema = z.object(fields);
/** The tokens of both families, if config.json names none. */
const tokens = { eos: 50_279 };
const olmo3Schema = z.object({
  ...fields,
  sliding_window: layerWindowFields.sliding_window.default(4096),
  layer_types: layerWindowFields.layer_types,
});

function parseOlmo2Config(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(olmo2Schema, raw, file, nullableFields);
  const common = parseOlmo("olmo2", config, file);
  const { rotary, ...rest } = readRotary(raw, file, common);
  return { ...common, ...rest, layerAttention: sameInAll(common.layers, { rotary }) };
}

/** The base of all layers, if `rope_parameters` names none. */
const olmo3Base = 500_000;

function parseOlmo3Config(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(olmo3Schema, raw, file, nullableFields);
  const common = parseOlmo("olmo3", config, file);
  const { rope_theta: base } = raw;
  if (base !== undefined && base !== null && base !== olmo3Base)
    throw configError(
      file,
      "rope_theta",
      `is not ${olmo3Base}: versions of transformers disagree on what it means for layers with a window; "rope_parameters" says it for each kind of layer`,
    );
  const { full, windowed, ...rest } = readRotaryByLayer(raw, file, common, {
    full: { field: "rope_theta", otherwise: olmo3Base },
    windowed: { field: undefined, otherwise: olmo3Base },
  });
  const windows = layerWindows(
    { ...config, use_sliding_window: true },
    file,
    (layer) => (layer + 1) % 4 !== 0,
  );
  return {
    ...common,
    ...rest,
    layerAttention: windows.map((window) => ({ rotary: window === undefined ? full : windowed, window })),
  };
}

function parseOlmo(
  modelType: string,
  config: z.output<typeof olmo2Schema>,
  file: string,
): Omit<DecoderConfig, "layerAttention" | "notes"> {
  const { attention_bias: bias } = config;
  const common = commonConfig(config, file, { modelType, tokens });
  return {
    ...common,
    norm: { kind: "rms", epsilon: config.rms_norm_eps },
    biases: { queryKeyValue: bias, output: bias, mlp: false },
    projectionNorms: "joint",
  };
}
