/**
 * Phi-3, 3.5 and 4: Llama's layers with fused matrices. Queries, keys and values are one matrix, gate and up
 * another, with the rows of each part together.
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
import { windowField } from "./layer-windows.ts";
import {
  type AttentionMatrices,
  llamaNames,
  type MlpMatrices,
  readFused,
  readLayeredDecoder,
  readStoredOutIn,
} from "./layered-decoder.ts";
import { readRotary } from "./rotary-config.ts";
import type { TensorTaker } from "./take-tensors.ts";

export const phi3: Family<DecoderConfig> = {
  modelTypes: ["phi3"],
  parseConfig: parsePhi3Config,
  describe: (config, checkpoint, onNote) =>
    readLayeredDecoder(config, checkpoint, onNote, {
      names: llamaNames,
      projections: readFusedAttention,
      mlp: readFusedMlp,
    }),
};

/** The defaults of transformers' `Phi3Config` for missing fields. */
const schema = z.object({
  ...decoderFields({
    ...{ vocabulary: 32_064, width: 3072, hiddenWidth: 8192, layers: 32, heads: 32 },
    ...{ activation: "silu", context: 4096, tied: false },
  }),
  rms_norm_eps: epsilon.default(1e-5),
  sliding_window: windowField,
});

function parsePhi3Config(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(schema, raw, file, nullableFields);
  const common = commonConfig(config, file, { modelType: "phi3", tokens: { bos: 1, eos: 32_000 } });
  const { rotary, ...rest } = readRotary(raw, file, {
    ...common,
    share: 1,
    // The name in the first releases.
    renamedTypes: { su: "longrope", yarn: "longrope" },
  });
  return {
    ...common,
    ...rest,
    norm: { kind: "rms", epsilon: config.rms_norm_eps },
    biases: { queryKeyValue: false, output: false, mlp: false },
    layerAttention: sameInAll(common.layers, { rotary, window: config.sliding_window ?? undefined }),
  };
}

function readFusedAttention(tensors: TensorTaker, config: DecoderConfig, name: string): AttentionMatrices {
  const { width, heads, keyValueHeads, headWidth } = config;
  const [all, shared] = [heads * headWidth, keyValueHeads * headWidth];
  const part = readFused(tensors, `${name}.qkv_proj`, [width, all + 2 * shared], false);
  return {
    query: part([[0, all]]),
    key: part([[all, all + shared]]),
    value: part([[all + shared, all + 2 * shared]]),
    output: readStoredOutIn(tensors, `${name}.o_proj`, [all, width], false),
  };
}

function readFusedMlp(tensors: TensorTaker, config: DecoderConfig, name: string): MlpMatrices {
  const { width, hiddenWidth } = config;
  const part = readFused(tensors, `${name}.gate_up_proj`, [width, 2 * hiddenWidth], false);
  return {
    gate: part([[0, hiddenWidth]]),
    up: part([[hiddenWidth, 2 * hiddenWidth]]),
    down: readStoredOutIn(tensors, `${name}.down_proj`, [hiddenWidth, width], false),
  };
}
