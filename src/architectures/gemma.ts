/**
 * Gemma 1: Llama's layers, with embeddings multiplied by √d, norms stored as scale − 1, and GELU in its tanh
 * form, whatever config.json calls it.
 */
import { z } from "zod";
import {
  activationName,
  activationOf,
  checkConfig,
  configError,
  countUpTo,
  type RawConfig,
} from "./config-fields.ts";
import {
  commonConfig,
  type DecoderConfig,
  decoderFields,
  epsilon,
  nullableFields,
  sameInAll,
} from "./decoder-config.ts";
import type { Family } from "./family.ts";
import { readLayeredDecoder } from "./layered-decoder.ts";
import { readRotary } from "./rotary-config.ts";

export const gemma: Family<DecoderConfig> = {
  modelTypes: ["gemma"],
  parseConfig: parseGemmaConfig,
  describe: readLayeredDecoder,
};

/** The defaults of transformers' `GemmaConfig` for missing fields. */
const schema = z.object({
  ...decoderFields({
    ...{ vocabulary: 256_000, width: 3072, hiddenWidth: 24_576, layers: 28, heads: 16 },
    ...{ activation: "gelu_pytorch_tanh", context: 8192, tied: true },
  }),
  head_dim: countUpTo(2 ** 16).default(256),
  rms_norm_eps: epsilon.default(1e-6),
  attention_bias: z.boolean().default(false),
  hidden_activation: activationName.optional(),
});

function parseGemmaConfig(raw: RawConfig, file: string): DecoderConfig {
  const config = checkConfig(schema, raw, file, nullableFields);
  const common = commonConfig(config, file, {
    ...{ modelType: "gemma", keyValueHeads: 16, tokens: { bos: 2, eos: 1 } },
  });
  const { rotary, ...rest } = readRotary(raw, file, common);
  const activation = gemmaActivation(config.hidden_act);
  if (config.hidden_activation !== undefined && gemmaActivation(config.hidden_activation) !== activation)
    throw configError(
      file,
      "hidden_activation",
      `"${config.hidden_activation}" contradicts "hidden_act", "${config.hidden_act}"`,
    );
  const { attention_bias: bias } = config;
  return {
    ...common,
    ...rest,
    activation,
    norm: { kind: "rms", epsilon: config.rms_norm_eps, plusOne: true },
    biases: { queryKeyValue: bias, output: bias, mlp: false },
    layerAttention: sameInAll(common.layers, { rotary }),
    embeddingScale: Math.sqrt(common.width),
  };
}

/** The first releases say "gelu" and mean its tanh form (transformers' pull request 29402). */
function gemmaActivation(name: z.output<typeof activationName>): DecoderConfig["activation"] {
  return activationOf(name === "gelu" ? "gelu_pytorch_tanh" : name);
}
