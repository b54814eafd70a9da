/**
 * config.json and generation_config.json, for transformers.js and its kin. They are written in GPT-2's terms
 * whatever the family was: these tools take the number of caches and the sizes from them, and a circuit has no
 * family any more. The true structure stands under `pith`.
 */
import { type CacheKind, uniformCaches } from "../lowering/cache-heads.ts";
import type { AnyTransformer, Attention, FoldedTransformer } from "../transformer/transformer.ts";
import { dtypes } from "./dtype.ts";
import { modelFiles } from "./folder-layout.ts";

/** Token ids that generation needs. */
export interface SpecialTokens {
  readonly bos: number | undefined;
  readonly eos: readonly number[];
}

export type Profile =
  | { readonly kind: "aligned"; readonly length: number }
  /** @property cacheHeads how many heads every cache has; left out: as many as its layer keeps. */
  | { readonly kind: "decoder"; readonly cacheHeads?: number | undefined };

/** @param model the original. Its caches stay exact where config.json can't say another shape. */
export function decoderProfile({ width, blocks }: AnyTransformer, kind: CacheKind): Profile {
  const heads = blocks.map(({ attention }) => attention?.heads.length ?? 0);
  const caches = kind === "uniform" ? uniformCaches(width, heads) : undefined;
  const fits = blocks.every(({ attention }) => attention?.headWidth === caches?.headWidth);
  return { kind: "decoder", ...(caches && fits && { cacheHeads: caches.heads }) };
}

/** Which format is opened unless another is asked for, and in how many files the weights of each lie. */
export const transformersJsConfig = {
  dtype: "fp32",
  use_external_data_format: Object.fromEntries(dtypes.map((dtype) => [modelFiles(dtype).model, 1])),
};

/** @param model the standalone model, `fitLength`'s under the aligned profile. */
export function configJson(model: FoldedTransformer, profile: Profile, tokens: SpecialTokens): object {
  const attentions = model.blocks.flatMap(({ attention }) => attention ?? []);
  const mlp = model.blocks.find((block) => block.mlp !== undefined)?.mlp;
  return {
    ...kindOfModel(profile),
    ...cacheNumbers(profile, attentions),
    n_embd: model.width,
    n_inner: mlp?.up.weight.shape[1] ?? null,
    n_positions: model.contextLength,
    n_ctx: model.contextLength,
    vocab_size: model.vocabularySize,
    activation_function: activationNames[mlp?.activation ?? "gelu-tanh"],
    layer_norm_epsilon: model.finalNorm.epsilon,
    tie_word_embeddings: model.unembedding === model.tokenEmbedding,
    ...specialTokenIds(tokens),
    torch_dtype: "float32",
    "transformers.js_config": transformersJsConfig,
    pith: {
      profile,
      blocks: model.blocks.map(({ attention, mlp: own }) => ({
        heads: attention?.heads ?? [],
        ...(attention && { head_dim: attention.headWidth }),
        ...(own && { mlp_hidden: own.up.weight.shape[1] }),
      })),
    },
  };
}

/**
 * A circuit of one prompt length can't generate text: no tool may take it for a model that does. transformers.js
 * then refuses its pipelines and opens it as a plain `AutoModel`.
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
 * transformers.js makes caches past_key_values.0 … n_layer − 1; version 3 and Optimum make every first, empty one
 * [batch, n_head, 0, n_embd / n_head]. Where caches are exact no n_head is true of all layers: the graph's inputs
 * have the number of each.
 */
function cacheNumbers(
  profile: Profile,
  attentions: readonly Attention[],
): { readonly n_layer: number; readonly n_head: number } {
  const uniform = profile.kind === "decoder" ? profile.cacheHeads : undefined;
  if (uniform !== undefined) return { n_layer: Math.max(1, attentions.length), n_head: uniform };
  return { n_layer: attentions.length, n_head: Math.max(1, ...attentions.map(({ heads }) => heads.length)) };
}

const activationNames = {
  "gelu-tanh": "gelu_new",
  gelu: "gelu",
  relu: "relu",
  silu: "silu",
} as const;

/** Greedy: a circuit answers; it was never asked to vary. */
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
