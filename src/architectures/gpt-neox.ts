/**
 * GPT-NeoX and Pythia: query, key and value of a head lie side by side in one matrix; a quarter of each head is
 * rotated; attention and MLP read the same stream through norms of their own, unless `use_parallel_residual` is
 * false.
 */
import { z } from "zod";
import { checkConfig, type RawConfig, withoutAliases } from "./config-fields.ts";
import {
  commonConfig,
  type DecoderConfig,
  decoderFields,
  epsilon,
  nullableFields,
  refuseOtherWidth,
  sameInAll,
} from "./decoder-config.ts";
import type { Family } from "./family.ts";
import { groupedProjections } from "./grouped-projections.ts";
import { type LayerTensors, llamaNames, mlpNamed, readLayeredDecoder } from "./layered-decoder.ts";
import { readRotary } from "./rotary-config.ts";

const neoxTensors: LayerTensors = {
  names: {
    ...llamaNames,
    prefixes: ["gpt_neox."],
    embedding: "embed_in",
    finalNorm: "final_layer_norm",
    unembedding: "embed_out",
    attention: "attention",
    constants: /^layers\.\d+\.attention\.(?:bias|masked_bias|rotary_emb\.inv_freq)$/,
  },
  projections: groupedProjections,
  mlp: mlpNamed({ up: "dense_h_to_4h", down: "dense_4h_to_h" }),
};

export const gptNeox: Family<DecoderConfig> = {
  modelTypes: ["gpt_neox"],
  parseConfig: parseNeoxConfig,
  describe: (config, checkpoint, onNote) => readLayeredDecoder(config, checkpoint, onNote, neoxTensors),
};

/** The defaults of transformers' `GPTNeoXConfig` for missing fields. */
const schema = z.object({
  ...decoderFields({
    ...{ vocabulary: 50_432, width: 6144, hiddenWidth: 24_576, layers: 44, heads: 64 },
    ...{ activation: "gelu", context: 2048, tied: false },
  }),
  layer_norm_eps: epsilon.default(1e-5),
  use_parallel_residual: z.boolean().default(true),
  attention_bias: z.boolean().default(true),
});

function parseNeoxConfig(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(schema, raw, file, nullableFields);
  const common = commonConfig({ ...config, num_key_value_heads: null }, file, {
    ...{ modelType: "gpt_neox", tokens: { bos: 0, eos: 2 } },
  });
  refuseOtherWidth(common, file);
  const old = [
    ["rotary_emb_base", "rope_theta"],
    ["rotary_pct", "partial_rotary_factor"],
  ] as const;
  const { rotary, ...rest } = readRotary(withoutAliases(raw, old, file), file, { ...common, share: 0.25 });
  const { attention_bias: bias } = config;
  return {
    ...common,
    ...rest,
    norm: { kind: "layer", epsilon: config.layer_norm_eps },
    biases: { queryKeyValue: bias, output: bias, mlp: true },
    layerAttention: sameInAll(common.layers, { rotary }),
    arrangement: config.use_parallel_residual ? "parallel" : "sequential",
  };
}
