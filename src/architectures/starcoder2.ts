/** StarCoder2: Llama's attention with biases and a window, LayerNorm, and an MLP without a gate. */
import { z } from "zod";
import { checkConfig, type RawConfig } from "./config-fields.ts";
import {
  commonConfig,
  type DecoderConfig,
  decoderFields,
  epsilon,
  nullableFields,
  sameInAll,
} from "./decoder-config.ts";
import type { Family } from "./family.ts";
import { windowField } from "./layer-windows.ts";
import { llamaTensors, mlpNamed, readLayeredDecoder } from "./layered-decoder.ts";
import { readRotary } from "./rotary-config.ts";

export const starcoder2: Family<DecoderConfig> = {
  modelTypes: ["starcoder2"],
  parseConfig: parseStarcoder2Config,
  describe: (config, checkpoint, onNote) =>
    readLayeredDecoder(config, checkpoint, onNote, {
      ...llamaTensors,
      mlp: mlpNamed({ up: "c_fc", down: "c_proj" }),
    }),
};

/** The defaults of transformers' `Starcoder2Config` for missing fields. */
const schema = z.object({
  ...decoderFields({
    ...{ vocabulary: 49_152, width: 3072, hiddenWidth: 12_288, layers: 30, heads: 24 },
    ...{ activation: "gelu_pytorch_tanh", context: 4096, tied: true },
  }),
  norm_epsilon: epsilon.default(1e-5),
  use_bias: z.boolean().default(true),
  sliding_window: windowField,
  // Fields of early files.
  mlp_type: z.literal("default", { error: "only the plain MLP is read" }).optional(),
  norm_type: z.literal("layer_norm", { error: "only LayerNorm is read" }).optional(),
});

function parseStarcoder2Config(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(schema, raw, file, nullableFields);
  const tokens = { bos: 50_256, eos: 50_256 };
  const common = commonConfig(config, file, { modelType: "starcoder2", keyValueHeads: 2, tokens });
  const { rotary, ...rest } = readRotary(raw, file, common);
  const { use_bias: bias } = config;
  return {
    ...common,
    ...rest,
    norm: { kind: "layer", epsilon: config.norm_epsilon },
    biases: { queryKeyValue: bias, output: bias, mlp: bias },
    layerAttention: sameInAll(common.layers, { rotary, window: config.sliding_window ?? undefined }),
  };
}
