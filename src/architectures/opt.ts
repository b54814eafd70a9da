/**
 * OPT: learned positions, whose table begins with two unused rows, ReLU, and biases everywhere except on the
 * unembedding. OPT-350m, with norms after its parts' sums and projected embeddings, is refused.
 */
import { z } from "zod";
import { sliceRows } from "../transformer/slice.ts";
import { checkConfig, configError, type RawConfig } from "./config-fields.ts";
import {
  commonConfig,
  type DecoderConfig,
  decoderFields,
  refuseOtherWidth,
  sameInAll,
} from "./decoder-config.ts";
import type { Family } from "./family.ts";
import {
  type LayerTensors,
  llamaNames,
  mlpNamed,
  projectionsNamed,
  readLayeredDecoder,
} from "./layered-decoder.ts";

/** The table's first rows are padding, so position 0 is the third row. */
const unusedRows = 2;

const optTensors: LayerTensors = {
  names: {
    ...llamaNames,
    prefixes: ["model.decoder.", "decoder."],
    finalNorm: "final_layer_norm",
    mlp: "",
    attentionNorm: "self_attn_layer_norm",
    mlpNorm: "final_layer_norm",
  },
  projections: projectionsNamed({ query: "q_proj", key: "k_proj", value: "v_proj", output: "out_proj" }),
  mlp: mlpNamed({ up: "fc1", down: "fc2" }),
  positions: (tensors, { contextLength, width }, prefix) => {
    const end = unusedRows + contextLength;
    const table = tensors.take(`${prefix}embed_positions.weight`, [end, width]);
    return { kind: "learned", table: sliceRows(table, [[unusedRows, end]]) };
  },
};

export const opt: Family<DecoderConfig> = {
  modelTypes: ["opt"],
  parseConfig: parseOptConfig,
  describe: (config, checkpoint, onNote) => readLayeredDecoder(config, checkpoint, onNote, optTensors),
};

const called = { intermediate_size: "ffn_dim", hidden_act: "activation_function" };

/** The defaults of transformers' `OPTConfig` for missing fields. */
const schema = z.object({
  ...decoderFields({
    ...{ vocabulary: 50_272, width: 768, hiddenWidth: 3072, layers: 12, heads: 12 },
    ...{ activation: "relu", context: 2048, tied: true },
  }),
  do_layer_norm_before: z
    .literal(true, { error: "norms behind the sum of stream and part, as OPT-350m has them, are not read" })
    .default(true),
  _remove_final_layer_norm: z
    .literal(false, { error: "a model without a final norm is not read" })
    .default(false),
  layer_norm_elementwise_affine: z
    .literal(true, { error: "norms without a scale are not read" })
    .default(true),
  enable_bias: z.boolean().default(true),
  word_embed_proj_dim: z.int().optional(),
});

function parseOptConfig(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(schema, raw, file, [], called);
  const fields = { ...config, num_key_value_heads: null };
  const common = commonConfig(fields, file, { modelType: "opt", tokens: { bos: 2, eos: 2 } });
  refuseOtherWidth(common, file);
  const { word_embed_proj_dim: embedded = common.width, enable_bias: bias } = config;
  if (embedded !== common.width)
    throw configError(
      file,
      "word_embed_proj_dim",
      `is ${embedded}: embeddings that are projected to hidden_size ${common.width} are not read`,
    );
  return {
    ...common,
    notes: [],
    // PyTorch's default ε, because OPT's config has none.
    norm: { kind: "layer", epsilon: 1e-5 },
    biases: { queryKeyValue: bias, output: bias, mlp: bias },
    layerAttention: sameInAll(common.layers, {}),
  };
}
