/**
 * SmolLM3: Llama's layers, some of which (every fourth if config.json doesn't say) have no positions.
 * `no_rope_layers` has an entry for each layer: 1 means that the layer has rotary positions.
 */
import { z } from "zod";
import { checkConfig, configError, countUpTo, type RawConfig } from "./config-fields.ts";
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

export const smollm3: Family<DecoderConfig> = {
  modelTypes: ["smollm3"],
  parseConfig: parseSmollm3Config,
  describe: readLayeredDecoder,
};

/** The defaults of transformers' `SmolLM3Config` for missing fields. */
const schema = z.object({
  ...decoderFields({
    ...{ vocabulary: 128_256, width: 2048, hiddenWidth: 11_008, layers: 36, heads: 16 },
    ...{ activation: "silu", context: 32_768, tied: true },
  }),
  rms_norm_eps: epsilon.default(1e-6),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  ...layerWindowFields,
  no_rope_layers: z.array(z.union([z.literal(0), z.literal(1)])).optional(),
  no_rope_layer_interval: countUpTo(4096).default(4),
});

function parseSmollm3Config(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(schema, raw, file, nullableFields);
  const tokens = { bos: 128_000, eos: 128_001 };
  const common = commonConfig(config, file, { modelType: "smollm3", keyValueHeads: 4, tokens });
  const { rotary, ...rest } = readRotary(raw, file, { ...common, defaultBase: 2_000_000 });
  const turns = turningLayers(config, file);
  const windows = layerWindows(config, file, (layer) => turns[layer] === false);
  const { attention_bias: bias, mlp_bias: mlp } = config;
  return {
    ...common,
    ...rest,
    norm: { kind: "rms", epsilon: config.rms_norm_eps },
    biases: { queryKeyValue: bias, output: bias, mlp },
    layerAttention: windows.map((window, layer) => ({ ...(turns[layer] && { rotary }), window })),
  };
}

function turningLayers(config: z.output<typeof schema>, file: string): readonly boolean[] {
  const { num_hidden_layers: layers, no_rope_layers: listed, no_rope_layer_interval: every } = config;
  if (listed === undefined) return Array.from({ length: layers }, (_, layer) => (layer + 1) % every !== 0);
  if (listed.length < layers)
    throw configError(file, "no_rope_layers", `has ${listed.length} items for ${layers} layers`);
  return listed.slice(0, layers).map((turn) => turn === 1);
}
