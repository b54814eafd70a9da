/** Llama 1 to 3, and the many models that are saved as one: RMSNorm, rotary positions, grouped heads, a gated MLP. */
import { z } from "zod";
import { activationOf, checkConfig, type RawConfig, specialTokenIds } from "./config-fields.ts";
import {
  type DecoderConfig,
  decoderFields,
  epsilon,
  nullableFields,
  readHeads,
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

/** transformers' `LlamaConfig` where a field is missing. */
const schema = z.object({
  ...decoderFields({
    ...{ vocabulary: 32_000, width: 4096, hiddenWidth: 11_008, layers: 32, heads: 32 },
    ...{ activation: "silu", context: 2048, tied: false },
  }),
  rms_norm_eps: epsilon.default(1e-6),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
});

function parseLlamaConfig(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(schema, raw, file, nullableFields);
  const shape = readHeads(config, file);
  const { rotary, contextLength, notes } = readRotary(raw, file, {
    headWidth: shape.headWidth,
    contextLength: config.max_position_embeddings,
    ...{ pairs: "halves", defaultBase: 10_000, share: "whole" },
  });
  return {
    modelType: "llama",
    layers: config.num_hidden_layers,
    width: config.hidden_size,
    hiddenWidth: config.intermediate_size,
    contextLength,
    vocabularySize: config.vocab_size,
    ...shape,
    activation: activationOf(config.hidden_act),
    norm: { kind: "rms", epsilon: config.rms_norm_eps },
    biases: {
      queryKeyValue: config.attention_bias,
      output: config.attention_bias,
      mlp: config.mlp_bias,
    },
    layerAttention: sameInAll(config.num_hidden_layers, { rotary }),
    tiedEmbeddings: config.tie_word_embeddings,
    notes,
    ...specialTokenIds(config, config.vocab_size, { bos: 1, eos: 2 }),
  };
}
