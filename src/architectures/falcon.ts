/**
 * Falcon: query, key and value are one matrix; all heads share one key and value, or groups of heads do; and
 * attention and MLP read the same stream through one norm or two. A model with ALiBi instead of rotary positions
 * is refused.
 */
import { z } from "zod";
import { checkConfig, configError, countUpTo, largestSize, type RawConfig } from "./config-fields.ts";
import {
  commonConfig,
  type DecoderConfig,
  decoderFields,
  epsilon,
  refuseOtherWidth,
  sameInAll,
} from "./decoder-config.ts";
import type { Family } from "./family.ts";
import { groupedProjections } from "./grouped-projections.ts";
import { type DecoderNames, llamaNames, mlpNamed, readLayeredDecoder } from "./layered-decoder.ts";
import { readRotary } from "./rotary-config.ts";

const falconNames: DecoderNames = {
  ...llamaNames,
  prefixes: ["transformer."],
  embedding: "word_embeddings",
  layers: "h",
  finalNorm: "ln_f",
  attention: "self_attention",
  constants: /^h\.\d+\.self_attention\.(?:maybe_rotary|rotary|rotary_emb)\.inv_freq$/,
};

export const falcon: Family<DecoderConfig> = {
  modelTypes: ["falcon"],
  parseConfig: parseFalconConfig,
  describe: (config, checkpoint, onNote) =>
    readLayeredDecoder(config, checkpoint, onNote, {
      names:
        config.arrangement === "parallel"
          ? { ...falconNames, attentionNorm: "ln_attn", mlpNorm: "ln_mlp" }
          : falconNames,
      projections: groupedProjections,
      mlp: mlpNamed({ up: "dense_h_to_4h", down: "dense_4h_to_h" }),
    }),
};

const called = {
  hidden_size: "n_embed",
  intermediate_size: "ffn_hidden_size",
  hidden_act: "activation",
  num_key_value_heads: "num_kv_heads",
};

/** The defaults of transformers' `FalconConfig` for missing fields. */
const schema = z.object({
  ...decoderFields({
    ...{ vocabulary: 65_024, width: 4544, hiddenWidth: 18_176, layers: 32, heads: 71 },
    ...{ activation: "gelu", context: 2048, tied: true },
  }),
  intermediate_size: countUpTo(largestSize).optional(),
  layer_norm_epsilon: epsilon.default(1e-5),
  bias: z.boolean().default(false),
  multi_query: z.boolean().default(true),
  parallel_attn: z.boolean().default(true),
  new_decoder_architecture: z.boolean().default(false),
  num_ln_in_parallel_attn: z.literal([1, 2]).optional(),
});

type Fields = z.output<typeof schema>;

function parseFalconConfig(raw: RawConfig, file: string): DecoderConfig {
  // In these fields null has a meaning different from a missing field.
  const config = checkConfig(schema, raw, file, ["multi_query", "parallel_attn"], called);
  const { hidden_size: width, intermediate_size: hiddenWidth = 4 * width, bias } = config;
  const fields = {
    ...config,
    intermediate_size: hiddenWidth,
    num_key_value_heads: keyValueHeads(config, file),
  };
  const common = commonConfig(fields, file, { modelType: "falcon", tokens: { bos: 11, eos: 11 } });
  refuseOtherWidth(common, file);
  const { rotary, ...rest } = readRotary(raw, file, common);
  return {
    ...common,
    ...rest,
    norm: { kind: "layer", epsilon: config.layer_norm_epsilon },
    biases: { queryKeyValue: bias, output: bias, mlp: bias },
    layerAttention: sameInAll(common.layers, { rotary }),
    arrangement: arrangementOf(config, file),
  };
}

function keyValueHeads(config: Fields, file: string): number {
  const { num_attention_heads: heads, num_key_value_heads: groups } = config;
  if (config.new_decoder_architecture) return groups ?? heads;
  if (config.multi_query) return 1;
  if ((groups ?? heads) === heads) return heads;
  throw configError(file, "num_kv_heads", `is ${groups}: only the new architecture has groups of heads`);
}

function arrangementOf(config: Fields, file: string): NonNullable<DecoderConfig["arrangement"]> {
  const { new_decoder_architecture: isNew, num_ln_in_parallel_attn: norms = isNew ? 2 : 1 } = config;
  if (norms === 2 && !isNew)
    throw configError(file, "num_ln_in_parallel_attn", "is 2, which only the new architecture has");
  if (config.parallel_attn) return norms === 2 ? "parallel" : "parallel, one norm";
  if (!isNew) return "sequential";
  throw configError(file, "parallel_attn", "is false, which the new architecture has not");
}
