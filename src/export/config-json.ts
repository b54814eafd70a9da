/**
 * Writes config.json and generation_config.json for transformers.js and similar tools. These tools compute the
 * number and sizes of caches from config.json. A circuit no longer belongs to a family, so it is described in
 * GPT-2's terms where the original's heads share the width and have their own keys and values, and in Llama's
 * terms otherwise. The true structure is under `pith`.
 */
import { type CacheKind, uniformCaches } from "../lowering/cache-heads.ts";
import { linearShape } from "../transformer/linear.ts";
import type { AnyTransformer, Attention, FoldedTransformer, Mlp } from "../transformer/transformer.ts";
import { dtypes } from "./dtype.ts";
import { modelFiles } from "./folder-layout.ts";

/** Token ids that generation needs. */
export interface SpecialTokens {
  readonly bos: number | undefined;
  readonly eos: readonly number[];
}

export type Profile =
  | { readonly kind: "aligned"; readonly length: number }
  /**
   * @property cacheHeads how many heads every cache has; left out: as many as its layer keeps.
   * @property headWidth how wide they are; left out: the heads share the width, as in GPT-2.
   */
  | {
      readonly kind: "decoder";
      readonly cacheHeads?: number | undefined;
      readonly headWidth?: number | undefined;
    };

/**
 * @param model the original. Its caches keep their exact shapes where config.json can't express another shape.
 */
export function decoderProfile({ width, blocks }: AnyTransformer, kind: CacheKind): Profile {
  const attentions = blocks.flatMap(({ attention }) => attention ?? []);
  const [headWidth, other] = new Set(attentions.map((attention) => attention.headWidth));
  if (headWidth === undefined || other !== undefined) return { kind: "decoder" };
  const isLikeGpt2 = attentions.every(
    ({ heads, keyValueHeads }) => heads.length === keyValueHeads.length && heads.length * headWidth === width,
  );
  const heads = blocks.map(({ attention }) => attention?.keyValueHeads.length ?? 0);
  const caches = kind === "uniform" ? uniformCaches(width, heads, headWidth) : undefined;
  return {
    kind: "decoder",
    ...(caches && { cacheHeads: caches.heads }),
    ...(!isLikeGpt2 && { headWidth }),
  };
}

/** The number format that is opened by default, and the number of files for the weights of each format. */
export const transformersJsConfig = {
  dtype: "fp32",
  use_external_data_format: Object.fromEntries(dtypes.map((dtype) => [modelFiles(dtype).model, 1])),
};

/** @param model the standalone model; under the aligned profile the result of `fitLength`. */
export function configJson(model: FoldedTransformer, profile: Profile, tokens: SpecialTokens): object {
  return {
    ...(profile.kind === "decoder" && profile.headWidth !== undefined
      ? llamaTerms(model, profile, profile.headWidth)
      : gpt2Terms(model, profile)),
    vocab_size: model.vocabularySize,
    tie_word_embeddings: model.unembedding === model.tokenEmbedding,
    ...specialTokenIds(tokens),
    torch_dtype: "float32",
    "transformers.js_config": transformersJsConfig,
    pith: {
      profile,
      blocks: model.blocks.map(({ attention, mlp: own }) => ({
        heads: attention?.heads ?? [],
        ...(attention && keyValueNumbers(attention)),
        ...(attention && { head_dim: attention.headWidth }),
        ...(attention?.valueWidth !== undefined && { value_dim: attention.valueWidth }),
        ...(own && { mlp_hidden: hiddenWidth(own) }),
      })),
    },
  };
}

const hiddenWidth = ({ up }: Mlp): number => linearShape(up)[1];

/** The numbers of the key/value heads, where they differ from those of the query heads. */
const keyValueNumbers = ({ heads, keyValueHeads }: Attention): object =>
  heads.length === keyValueHeads.length && heads.every((head, at) => keyValueHeads[at] === head)
    ? {}
    : { key_value_heads: keyValueHeads };

function gpt2Terms(model: FoldedTransformer, profile: Profile): object {
  const mlp = model.blocks.find((block) => block.mlp !== undefined)?.mlp;
  const caches = cacheNumbers(model, profile);
  return {
    ...kindOfModel(profile),
    n_layer: caches.count,
    n_head: caches.heads,
    n_embd: model.width,
    n_inner: mlp === undefined ? null : hiddenWidth(mlp),
    n_positions: model.contextLength,
    n_ctx: model.contextLength,
    activation_function: activationNames[mlp?.activation ?? "gelu-tanh"],
    layer_norm_epsilon: model.finalNorm.epsilon,
  };
}

/** Llama's config has fields for key/value heads and their width. */
function llamaTerms(model: FoldedTransformer, profile: Profile, headWidth: number): object {
  const mlp = model.blocks.find((block) => block.mlp !== undefined)?.mlp;
  const queryHeads = model.blocks.map(({ attention }) => attention?.heads.length ?? 0);
  const caches = cacheNumbers(model, profile);
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    num_hidden_layers: caches.count,
    num_attention_heads: Math.max(1, ...queryHeads),
    num_key_value_heads: caches.heads,
    head_dim: headWidth,
    hidden_size: model.width,
    intermediate_size: mlp === undefined ? null : hiddenWidth(mlp),
    max_position_embeddings: model.contextLength,
    hidden_act: activationNames[mlp?.activation ?? "silu"],
    rms_norm_eps: model.finalNorm.epsilon,
  };
}

/**
 * A circuit for one prompt length can't generate text, so no tool may treat it as a generating model. With this
 * entry transformers.js refuses its pipelines and opens it as a plain `AutoModel`.
 */
function kindOfModel(profile: Profile): object {
  switch (profile.kind) {
    case "aligned":
      return { architectures: ["PithAlignedCircuit"], model_type: "pith-aligned" };
    case "decoder":
      return { architectures: ["GPT2LMHeadModel"], model_type: "gpt2" };
  }
}

/**
 * transformers.js makes caches past_key_values.0 … count − 1; version 3 and Optimum make each of them empty at
 * first, [batch, heads, 0, width of a head]. Where caches have exact shapes, no single number of heads is right
 * for all layers; the graph's inputs state the number for each.
 */
function cacheNumbers(
  { blocks }: FoldedTransformer,
  profile: Profile,
): { readonly count: number; readonly heads: number } {
  const own = blocks.flatMap(({ attention }) => attention?.keyValueHeads.length ?? []);
  const uniform = profile.kind === "decoder" ? profile.cacheHeads : undefined;
  if (uniform !== undefined) return { count: Math.max(1, own.length), heads: uniform };
  return { count: own.length, heads: Math.max(1, ...own) };
}

const activationNames = {
  "gelu-tanh": "gelu_new",
  gelu: "gelu",
  relu: "relu",
  silu: "silu",
} as const;

/** Greedy decoding, because a circuit is meant to give one answer, without sampling. */
export function generationConfigJson(tokens: SpecialTokens): object {
  return { do_sample: false, ...specialTokenIds(tokens) };
}

function specialTokenIds({ bos, eos }: SpecialTokens): object {
  const [first] = eos;
  return {
    ...(bos !== undefined && { bos_token_id: bos }),
    ...(first !== undefined && { eos_token_id: eos.length === 1 ? first : eos, pad_token_id: first }),
  };
}
