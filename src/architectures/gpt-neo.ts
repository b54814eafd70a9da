/**
 * GPT-Neo: GPT-2's blocks with matrices stored [out, in] and scores without a scale; some layers see only a
 * window of tokens.
 */
import { z } from "zod";
import { checkConfig, configError, countUpTo, largestSize, type RawConfig } from "./config-fields.ts";
import {
  commonConfig,
  type DecoderConfig,
  decoderFields,
  epsilon,
  refuseOtherWidth,
} from "./decoder-config.ts";
import type { Family } from "./family.ts";
import {
  gpt2Names,
  type LayerTensors,
  mlpNamed,
  projectionsNamed,
  readLayeredDecoder,
} from "./layered-decoder.ts";

const neoTensors: LayerTensors = {
  names: {
    ...gpt2Names,
    attention: "attn.attention",
    constants: /^h\.\d+\.attn\.attention\.(?:bias|masked_bias)$/,
  },
  projections: projectionsNamed({ query: "q_proj", key: "k_proj", value: "v_proj", output: "out_proj" }),
  mlp: mlpNamed({ up: "c_fc", down: "c_proj" }),
  positions: (tensors, { contextLength, width }, prefix) => ({
    kind: "learned",
    table: tensors.take(`${prefix}wpe.weight`, [contextLength, width]),
  }),
};

export const gptNeo: Family<DecoderConfig> = {
  modelTypes: ["gpt_neo"],
  parseConfig: parseNeoConfig,
  describe: (config, checkpoint, onNote) => readLayeredDecoder(config, checkpoint, onNote, neoTensors),
};

const called = {
  num_hidden_layers: "num_layers",
  num_attention_heads: "num_heads",
  hidden_act: "activation_function",
};

const reach = z.enum(["global", "local"]);
type Reach = z.output<typeof reach>;

/** The defaults of transformers' `GPTNeoConfig` for missing fields. */
const schema = z.object({
  ...decoderFields({
    ...{ vocabulary: 50_257, width: 2048, hiddenWidth: 8192, layers: 24, heads: 16 },
    ...{ activation: "gelu_new", context: 2048, tied: true },
  }),
  intermediate_size: countUpTo(largestSize).optional(),
  layer_norm_epsilon: epsilon.default(1e-5),
  window_size: countUpTo(largestSize).default(256),
  // Lists of layers, and how often each is repeated.
  attention_types: z
    .array(z.tuple([z.array(reach).max(4096), z.int().min(0).max(4096)]))
    .max(4096)
    .default([[["global", "local"], 12]]),
  // transformers also writes this field: all lists in one.
  attention_layers: z.array(reach).max(4096).optional(),
});

function parseNeoConfig(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(schema, raw, file, [], called);
  const { hidden_size: width, intermediate_size: hiddenWidth = 4 * width } = config;
  const fields = { ...config, intermediate_size: hiddenWidth, num_key_value_heads: null };
  const tokens = { bos: 50_256, eos: 50_256 };
  const common = commonConfig(fields, file, { modelType: "gpt_neo", tokens });
  refuseOtherWidth(common, file);
  return {
    ...common,
    notes: [],
    norm: { kind: "layer", epsilon: config.layer_norm_epsilon },
    biases: { queryKeyValue: false, output: true, mlp: true },
    scoreScale: 1,
    layerAttention: readReaches(config, file).map((each) =>
      each === "local" ? { window: config.window_size } : {},
    ),
  };
}

function readReaches(config: z.output<typeof schema>, file: string): readonly Reach[] {
  const { attention_types: types, attention_layers: listed, num_hidden_layers: layers } = config;
  const count = types.reduce((sum, [reaches, times]) => sum + reaches.length * times, 0);
  if (count !== layers)
    throw configError(file, "attention_types", `tells of ${count} layers; there are ${layers}`);
  const all = types.flatMap(([reaches, times]) => Array.from({ length: times }, () => reaches).flat());
  if (listed !== undefined && listed.join() !== all.join())
    throw configError(file, "attention_layers", 'contradicts "attention_types"');
  return all;
}
