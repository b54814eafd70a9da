/**
 * StableLM (2, Zephyr, Code): Llama's layers with LayerNorm; a quarter of each head is rotated; attention and MLP
 * may read the same normalised stream, and each head may have norms of its own for its query and its key.
 */
import { z } from "zod";
import { checkConfig, type RawConfig } from "./config-fields.ts";
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
import { type LayerTensors, llamaTensors, readLayeredDecoder } from "./layered-decoder.ts";
import { readRotary } from "./rotary-config.ts";

const stablelmTensors: LayerTensors = {
  ...llamaTensors,
  names: { ...llamaTensors.names, queryNorm: "q_layernorm.norms", keyNorm: "k_layernorm.norms" },
};

export const stablelm: Family<DecoderConfig> = {
  modelTypes: ["stablelm"],
  parseConfig: parseStablelmConfig,
  describe: (config, checkpoint, onNote) => readLayeredDecoder(config, checkpoint, onNote, stablelmTensors),
};

/** The defaults of transformers' `StableLmConfig` for missing fields. */
const schema = z.object({
  ...decoderFields({
    ...{ vocabulary: 50_304, width: 2560, hiddenWidth: 6912, layers: 32, heads: 32 },
    ...{ activation: "silu", context: 4096, tied: false },
  }),
  layer_norm_eps: epsilon.default(1e-5),
  use_qkv_bias: z.boolean().default(false),
  qk_layernorm: z.boolean().default(false),
  use_parallel_residual: z.boolean().default(false),
});

function parseStablelmConfig(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(schema, raw, file, nullableFields);
  const tokens = { bos: 0, eos: 0 };
  const common = commonConfig(config, file, { modelType: "stablelm", keyValueHeads: 32, tokens });
  refuseOtherWidth(common, file);
  const { rotary, ...rest } = readRotary(raw, file, { ...common, share: 0.25 });
  return {
    ...common,
    ...rest,
    norm: { kind: "layer", epsilon: config.layer_norm_eps },
    biases: { queryKeyValue: config.use_qkv_bias, output: false, mlp: false },
    projectionNorms: config.qk_layernorm ? "own" : undefined,
    layerAttention: sameInAll(common.layers, { rotary }),
    ...(config.use_parallel_residual && { arrangement: "parallel, one norm" }),
  };
}
