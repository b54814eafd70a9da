/** Mistral 7B and related models: Llama's layers, whose attention may see only a window of tokens. */
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
import { readLayeredDecoder } from "./layered-decoder.ts";
import { readRotary } from "./rotary-config.ts";

export const mistral: Family<DecoderConfig> = {
  modelTypes: ["mistral"],
  parseConfig: parseMistralConfig,
  describe: readLayeredDecoder,
};

/** The defaults of transformers' `MistralConfig` for missing fields. */
const schema = z.object({
  ...decoderFields({
    ...{ vocabulary: 32_000, width: 4096, hiddenWidth: 14_336, layers: 32, heads: 32 },
    ...{ activation: "silu", context: 131_072, tied: false },
  }),
  rms_norm_eps: epsilon.default(1e-6),
  sliding_window: windowField.default(4096),
  // transformers ignores this field here; a model whose layers differ has the type "ministral".
  layer_types: z
    .array(z.unknown())
    .refine((types) => new Set(types).size <= 1, { error: "layers that differ are not read in this family" })
    .optional(),
});

function parseMistralConfig(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(schema, raw, file, nullableFields);
  const common = commonConfig(config, file, {
    ...{ modelType: "mistral", keyValueHeads: 8, tokens: { bos: 1, eos: 2 } },
  });
  const { rotary, ...rest } = readRotary(raw, file, common);
  return {
    ...common,
    ...rest,
    norm: { kind: "rms", epsilon: config.rms_norm_eps },
    biases: { queryKeyValue: false, output: false, mlp: false },
    layerAttention: sameInAll(common.layers, { rotary, window: config.sliding_window ?? undefined }),
  };
}
