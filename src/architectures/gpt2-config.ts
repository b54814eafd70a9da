/** GPT-2's config.json, with Hugging Face's defaults (`GPT2Config`) for missing fields. */
import { z } from "zod";
import type { Activation } from "../transformer/transformer.ts";
import {
  activationName,
  activationOf,
  checkConfig,
  configError,
  countUpTo,
  largestSize,
  type RawConfig,
  specialTokenIds,
  tokenFields,
  withoutAliases,
} from "./config-fields.ts";
import type { FamilyConfig } from "./family.ts";
import { noOtherComputation } from "./foreign-fields.ts";

export interface Gpt2Config extends FamilyConfig {
  readonly modelType: "gpt2";
  /** How many attention heads each layer has. */
  readonly heads: number;
  /** Width of the residual stream, d; a multiple of `heads`. */
  readonly width: number;
  /** Width of the MLP's hidden layer. */
  readonly hiddenWidth: number;
  readonly activation: Activation;
  readonly normEpsilon: number;
  /** Whether scores are divided by √headWidth. */
  readonly scaleScores: boolean;
  /** Whether scores of layer l are divided by l + 1 as well. */
  readonly scaleScoresByLayer: boolean;
  /** Whether the unembedding is the token embedding. */
  readonly tiedEmbeddings: boolean;
}

const schema = z.object({
  ...noOtherComputation,
  n_layer: countUpTo(4096).default(12),
  n_head: countUpTo(65_536).default(12),
  n_embd: countUpTo(2 ** 20).default(768),
  n_inner: countUpTo(largestSize).nullable().default(null),
  n_positions: countUpTo(largestSize).default(1024),
  vocab_size: countUpTo(largestSize).default(50_257),
  activation_function: activationName.default("gelu_new"),
  layer_norm_epsilon: z.number().positive().max(1).default(1e-5),
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  // This only changes the order of operations under mixed precision; in float32 it changes nothing.
  reorder_and_upcast_attn: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(true),
  add_cross_attention: z
    .literal(false, { error: "models with cross-attention are not supported" })
    .default(false),
  ...tokenFields,
});

/** Other names of fields that `GPT2Config.attribute_map` accepts. */
const aliases: readonly (readonly [alias: string, field: string])[] = [
  ["hidden_size", "n_embd"],
  ["max_position_embeddings", "n_positions"],
  ["num_attention_heads", "n_head"],
  ["num_hidden_layers", "n_layer"],
];

/** The default is GPT-2's own token, which a model with another vocabulary doesn't have. */
const endOfText = 50_256;

/** @throws PithError "config" that names the field. */
export function parseGpt2Config(raw: RawConfig, file: string): Gpt2Config {
  const config = checkConfig(schema, withoutAliases(raw, aliases, file), file);
  if (config.n_embd % config.n_head !== 0) {
    throw configError(file, "n_head", `${config.n_head} heads don't divide n_embd ${config.n_embd}`);
  }
  return {
    modelType: "gpt2",
    layers: config.n_layer,
    heads: config.n_head,
    width: config.n_embd,
    hiddenWidth: config.n_inner ?? 4 * config.n_embd,
    contextLength: config.n_positions,
    vocabularySize: config.vocab_size,
    activation: activationOf(config.activation_function),
    normEpsilon: config.layer_norm_epsilon,
    scaleScores: config.scale_attn_weights,
    scaleScoresByLayer: config.scale_attn_by_inverse_layer_idx,
    tiedEmbeddings: config.tie_word_embeddings,
    ...specialTokenIds(config, config.vocab_size, { bos: endOfText, eos: endOfText }),
  };
}
