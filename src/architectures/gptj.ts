/**
 * GPT-J: attention and MLP read the same normalised stream, pairs of neighbouring elements are rotated, and the
 * unembedding has a bias.
 */
import { z } from "zod";
import type { Rotary } from "../transformer/transformer.ts";
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
import {
  gpt2Names,
  type LayerTensors,
  mlpNamed,
  projectionsNamed,
  readLayeredDecoder,
} from "./layered-decoder.ts";

const gptjTensors: LayerTensors = {
  names: {
    ...gpt2Names,
    attention: "attn",
    constants: /^h\.\d+\.attn\.(?:bias|masked_bias|embed_positions)$/,
  },
  projections: projectionsNamed({ query: "q_proj", key: "k_proj", value: "v_proj", output: "out_proj" }),
  mlp: mlpNamed({ up: "fc_in", down: "fc_out" }),
};

export const gptj: Family<DecoderConfig> = {
  modelTypes: ["gptj"],
  parseConfig: parseGptjConfig,
  describe: (config, checkpoint, onNote) => readLayeredDecoder(config, checkpoint, onNote, gptjTensors),
};

const called = {
  hidden_size: "n_embd",
  intermediate_size: "n_inner",
  num_hidden_layers: "n_layer",
  num_attention_heads: "n_head",
  max_position_embeddings: "n_positions",
  hidden_act: "activation_function",
};

/** The defaults of transformers' `GPTJConfig` for missing fields. */
const schema = z.object({
  ...decoderFields({
    ...{ vocabulary: 50_400, width: 4096, hiddenWidth: 16_384, layers: 28, heads: 16 },
    ...{ activation: "gelu_new", context: 2048, tied: false },
  }),
  intermediate_size: countUpTo(largestSize).optional(),
  layer_norm_epsilon: epsilon.default(1e-5),
  rotary_dim: z
    .int({ error: "whole heads of any width are not turned" })
    .min(2)
    .max(2 ** 16)
    .default(64),
});

function parseGptjConfig(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(schema, raw, file, ["rotary_dim"], called);
  const { hidden_size: width, intermediate_size: hiddenWidth = 4 * width } = config;
  const fields = { ...config, intermediate_size: hiddenWidth, num_key_value_heads: null };
  const tokens = { bos: 50_256, eos: 50_256 };
  const common = commonConfig(fields, file, { modelType: "gptj", tokens });
  refuseOtherWidth(common, file);
  return {
    ...common,
    notes: [],
    norm: { kind: "layer", epsilon: config.layer_norm_epsilon },
    biases: { queryKeyValue: false, output: false, mlp: true, unembedding: true },
    layerAttention: sameInAll(common.layers, {
      rotary: readTurning(config.rotary_dim, common.headWidth, file),
    }),
    arrangement: "parallel, one norm",
  };
}

function readTurning(width: number, headWidth: number, file: string): Rotary {
  if (width > headWidth || width % 2 !== 0)
    throw configError(file, "rotary_dim", `${width} of a head's ${headWidth} elements can't turn in pairs`);
  const frequencies = Array.from({ length: width / 2 }, (_, pair) => 10_000 ** ((-2 * pair) / width));
  return { width, pairs: "interleaved", frequencies };
}
