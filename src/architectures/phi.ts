/**
 * Phi 1, 1.5 and 2: attention and MLP read the same normalised stream, half of each head is rotated, and every
 * affine map has a bias, the unembedding included.
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
import {
  type LayerTensors,
  llamaNames,
  mlpNamed,
  projectionsNamed,
  readLayeredDecoder,
} from "./layered-decoder.ts";
import { readRotary } from "./rotary-config.ts";

const phiTensors: LayerTensors = {
  names: { ...llamaNames, finalNorm: "final_layernorm", queryNorm: "q_layernorm", keyNorm: "k_layernorm" },
  projections: projectionsNamed({ query: "q_proj", key: "k_proj", value: "v_proj", output: "dense" }),
  mlp: mlpNamed({ up: "fc1", down: "fc2" }),
};

export const phi: Family<DecoderConfig> = {
  modelTypes: ["phi"],
  parseConfig: parsePhiConfig,
  describe: (config, checkpoint, onNote) => readLayeredDecoder(config, checkpoint, onNote, phiTensors),
};

/** The defaults of transformers' `PhiConfig` for missing fields. */
const schema = z.object({
  ...decoderFields({
    ...{ vocabulary: 51_200, width: 2048, hiddenWidth: 8192, layers: 24, heads: 32 },
    ...{ activation: "gelu_new", context: 2048, tied: false },
  }),
  layer_norm_eps: epsilon.default(1e-5),
  qk_layernorm: z.boolean().default(false),
});

function parsePhiConfig(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(schema, raw, file, nullableFields);
  const common = commonConfig(config, file, { modelType: "phi", tokens: { bos: 1, eos: 2 } });
  refuseOtherWidth(common, file);
  const { rotary, ...rest } = readRotary(raw, file, { ...common, share: 0.5 });
  return {
    ...common,
    ...rest,
    norm: { kind: "layer", epsilon: config.layer_norm_eps },
    biases: { queryKeyValue: true, output: true, mlp: true, unembedding: true },
    projectionNorms: config.qk_layernorm ? "shared" : undefined,
    layerAttention: sameInAll(common.layers, { rotary }),
    arrangement: "parallel, one norm",
  };
}
