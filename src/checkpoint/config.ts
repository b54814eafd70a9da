/**
 * config.json, checked: what a family's file says about its model, under this project's names, with Hugging
 * Face's defaults (`GPT2Config`) where a field is missing. Bounds are far above any real model; they are there so
 * that a damaged file is an error and not an endless loop.
 */
import { z } from "zod";
import { PithError } from "../errors.ts";
import { describeValue, ownProperty } from "../files/json.ts";
import type { Activation } from "../transformer/transformer.ts";

/** What config.json says, checked: one member a family, told apart by `modelType`. */
export type ModelConfig = Gpt2Config;

/** A GPT-2 model's config.json. */
export interface Gpt2Config {
  /** The family. */
  readonly modelType: "gpt2";
  /** How many layers there are. */
  readonly layers: number;
  /** How many attention heads each layer has. */
  readonly heads: number;
  /** Width of the residual stream, d; a multiple of `heads`. */
  readonly width: number;
  /** Width of the MLP's hidden layer. */
  readonly hiddenWidth: number;
  /** The longest prompt, in tokens. */
  readonly contextLength: number;
  /** How many tokens there are. */
  readonly vocabularySize: number;
  /** The MLP's activation function. */
  readonly activation: Activation;
  /** What is added to the variance in a norm. */
  readonly normEpsilon: number;
  /** Whether scores are divided by √headWidth. */
  readonly scaleScores: boolean;
  /** Whether scores of layer l are divided by l + 1 as well. */
  readonly scaleScoresByLayer: boolean;
  /** Whether the unembedding is the token embedding. */
  readonly tiedEmbeddings: boolean;
  /** The start token; undefined where the file names none, or one outside the vocabulary. */
  readonly bosTokenId: number | undefined;
  /** The end tokens that are inside the vocabulary. */
  readonly eosTokenIds: readonly number[];
}

/** Families by `model_type`. */
const PARSERS: ReadonlyMap<string, (raw: Record<string, unknown>, file: string) => ModelConfig> = new Map([
  ["gpt2", parseGpt2],
]);

/**
 * @param raw the object in config.json; @param file its path, for errors.
 * @throws PithError "config" naming the field.
 */
export function parseConfig(raw: Record<string, unknown>, file: string): ModelConfig {
  const modelType = ownProperty(raw, "model_type");
  const parser = typeof modelType === "string" ? PARSERS.get(modelType) : undefined;
  if (parser === undefined) {
    throw configError(file, "model_type", `${describeValue(modelType)} is not a family that Pith knows`, {
      advice: `Known: ${[...PARSERS.keys()].join(", ")}.`,
    });
  }
  return parser(raw, file);
}

const ACTIVATIONS = {
  gelu_new: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
  gelu_fast: "gelu-tanh",
  gelu: "gelu",
  relu: "relu",
  silu: "silu",
  swish: "silu",
} as const satisfies Record<string, Activation>;

const count = (largest: number) => z.int().min(1).max(largest);
const tokenId = z.int().min(0);
const LARGEST_SIZE = 2 ** 24;

const gpt2Schema = z.object({
  n_layer: count(4096).default(12),
  n_head: count(65_536).default(12),
  n_embd: count(2 ** 20).default(768),
  n_inner: count(LARGEST_SIZE).nullable().default(null),
  n_positions: count(LARGEST_SIZE).default(1024),
  vocab_size: count(LARGEST_SIZE).default(50_257),
  activation_function: z.enum(Object.keys(ACTIVATIONS) as (keyof typeof ACTIVATIONS)[]).default("gelu_new"),
  layer_norm_epsilon: z.number().positive().max(1).default(1e-5),
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  // Only the order of operations under mixed precision: in float32 it changes nothing.
  reorder_and_upcast_attn: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(true),
  add_cross_attention: z
    .literal(false, { error: "models with cross-attention are not supported" })
    .default(false),
  bos_token_id: tokenId.nullish(),
  eos_token_id: z.union([tokenId, z.array(tokenId)]).nullish(),
});

/** Names that `GPT2Config.attribute_map` takes as well. */
const GPT2_ALIASES: readonly (readonly [alias: string, field: string])[] = [
  ["hidden_size", "n_embd"],
  ["max_position_embeddings", "n_positions"],
  ["num_attention_heads", "n_head"],
  ["num_hidden_layers", "n_layer"],
];
const GPT2_END_OF_TEXT = 50_256;

function parseGpt2(raw: Record<string, unknown>, file: string): Gpt2Config {
  const config = check(gpt2Schema, withoutNulls(withoutAliases(raw, GPT2_ALIASES, file)), file);
  if (config.n_embd % config.n_head !== 0) {
    throw configError(file, "n_head", `${config.n_head} heads don't divide n_embd ${config.n_embd}`);
  }
  // The default is GPT-2's own token, which a model with another vocabulary doesn't have.
  const endOfText = GPT2_END_OF_TEXT < config.vocab_size ? GPT2_END_OF_TEXT : undefined;
  const bos = config.bos_token_id === undefined ? endOfText : (config.bos_token_id ?? undefined);
  const eos = config.eos_token_id === undefined ? endOfText : (config.eos_token_id ?? undefined);
  // A model with a small vocabulary often keeps GPT-2's ids in its file; a search needs neither of them.
  const isToken = (id: number) => id < config.vocab_size;
  return {
    modelType: "gpt2",
    layers: config.n_layer,
    heads: config.n_head,
    width: config.n_embd,
    hiddenWidth: config.n_inner ?? 4 * config.n_embd,
    contextLength: config.n_positions,
    vocabularySize: config.vocab_size,
    activation: ACTIVATIONS[config.activation_function],
    normEpsilon: config.layer_norm_epsilon,
    scaleScores: config.scale_attn_weights,
    scaleScoresByLayer: config.scale_attn_by_inverse_layer_idx,
    tiedEmbeddings: config.tie_word_embeddings,
    bosTokenId: bos !== undefined && isToken(bos) ? bos : undefined,
    eosTokenIds: eos === undefined ? [] : [eos].flat().filter(isToken),
  };
}

/** A copy in which aliases stand under the family's own names. */
function withoutAliases(
  raw: Record<string, unknown>,
  aliases: readonly (readonly [string, string])[],
  file: string,
): Record<string, unknown> {
  const result = { ...raw };
  for (const [alias, field] of aliases) {
    const value = ownProperty(raw, alias) ?? undefined;
    if (value === undefined) continue;
    const own = ownProperty(raw, field) ?? undefined;
    if (own !== undefined && own !== value) {
      throw configError(file, alias, `${describeValue(value)} contradicts "${field}", ${describeValue(own)}`);
    }
    result[field] = value;
  }
  return result;
}

/**
 * Python writes None as null, for fields that were never set. Of a token's id it means that there is none, which the
 * schema knows.
 */
function withoutNulls(raw: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(raw).filter(([field, value]) => value !== null || field.endsWith("_token_id")),
  );
}

function check<Schema extends z.ZodType>(
  schema: Schema,
  raw: Record<string, unknown>,
  file: string,
): z.output<Schema> {
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const [field = ""] = issue?.path ?? [];
  const found = describeValue(ownProperty(raw, String(field)));
  throw configError(file, String(field), `is ${found}: ${issue?.message ?? "invalid"}`);
}

function configError(
  file: string,
  field: string,
  message: string,
  details: { readonly advice?: string } = {},
): PithError {
  return new PithError("config", message, { place: { file, field }, ...details });
}
