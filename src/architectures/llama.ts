/**
 * Llama 1 to 3, and the many models that are saved in its format: RMSNorm, rotary positions, grouped heads, a
 * gated MLP.
 */
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
import { readLayeredDecoder } from "./layered-decoder.ts";
import { readRotary } from "./rotary-config.ts";

export const llama: Family<DecoderConfig> = {
  modelTypes: ["llama"],
  parseConfig: parseLlamaConfig,
  describe: readLayeredDecoder,
};

/** The defaults of transformers' `LlamaConfig` for missing fields. */
const schema = z.object({
  ...decoderFields({
    ...{ vocabulary: 32_000, width: 4096, hiddenWidth: 11_008, layers: 32, heads: 32 },
    ...{ activation: "silu", context: 2048, tied: false },
  }),
  rms_norm_eps: epsilon.default(1e-6),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  // A field of nanotron, present in SmolLM's files; transformers rotates halves whatever it says.
  rope_interleaved: z.literal(false, { error: "pairs of neighbours do not turn in this family" }).optional(),
});

function parseLlamaConfig(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(schema, raw, file, nullableFields);
  const common = commonConfig(config, file, { modelType: "llama", tokens: { bos: 1, eos: 2 } });
  const { attention_bias: bias, mlp_bias: mlp } = config;
  const { rotary, ...rest } = readRotary(raw, file, common);
  return {
    ...common,
    ...rest,
    norm: { kind: "rms", epsilon: config.rms_norm_eps },
    biases: { queryKeyValue: bias, output: bias, mlp },
    layerAttention: sameInAll(common.layers, { rotary }),
  };
}
