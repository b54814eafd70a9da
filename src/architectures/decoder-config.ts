/**
 * The content of config.json in Pith's own terms, for decoders that are a stack of layers. Each family's file
 * reads its config into this form, and `layered-decoder.ts` makes the model.
 */
import { z } from "zod";
import type { Activation, Rotary } from "../transformer/transformer.ts";
import {
  activationName,
  activationOf,
  configError,
  countUpTo,
  largestSize,
  specialTokenIds,
  tokenFields,
} from "./config-fields.ts";
import type { FamilyConfig } from "./family.ts";
import { noOtherComputation } from "./foreign-fields.ts";

/** The properties of a layer's attention that may differ between layers. */
export interface LayerAttention {
  readonly rotary?: Rotary | undefined;
  readonly window?: number | undefined;
}

export interface DecoderConfig extends FamilyConfig {
  /** Width of the residual stream, d. */
  readonly width: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headWidth: number;
  /** Width of the MLP's hidden layer. */
  readonly hiddenWidth: number;
  readonly activation: Activation;
  readonly norm: {
    readonly kind: "layer" | "rms";
    readonly epsilon: number;
    /** Whether files hold scale − 1. */
    readonly plusOne?: boolean;
  };
  /** Whether each affine map has a bias. */
  readonly biases: {
    readonly queryKeyValue: boolean;
    readonly output: boolean;
    readonly mlp: boolean;
    /** Left out: none. */
    readonly unembedding?: boolean;
  };
  /**
   * How queries and keys are normalised: each head by itself, by a scale that all heads share or by its own; or all
   * heads of a layer together. Left out: not at all.
   */
  readonly projectionNorms?: "shared" | "own" | "joint" | undefined;
  /** One for each layer. */
  readonly layerAttention: readonly LayerAttention[];
  readonly embeddingScale?: number;
  /** Whether the unembedding is the token embedding. */
  readonly tiedEmbeddings: boolean;
  /** Scores are multiplied by this; left out: 1/√headWidth. */
  readonly scoreScale?: number;
  readonly scoreCap?: number | undefined;
  readonly logitCap?: number | undefined;
  /**
   * The input of the MLP. Sequential, the default: the stream after the attention. Parallel: the same stream as
   * the attention's, through a norm of its own or through the attention's.
   */
  readonly arrangement?: "sequential" | "parallel" | "parallel, one norm";
  /** Sentences about the config for the user. */
  readonly notes: readonly string[];
}

interface Defaults {
  readonly vocabulary: number;
  readonly width: number;
  readonly hiddenWidth: number;
  readonly layers: number;
  readonly heads: number;
  readonly activation: z.infer<typeof activationName>;
  readonly context: number;
  readonly tied: boolean;
}

const heads = countUpTo(65_536);

/** Fields that these families share, under transformers' names, with the family's defaults. */
export const decoderFields = (defaults: Defaults) => ({
  vocab_size: countUpTo(largestSize).default(defaults.vocabulary),
  hidden_size: countUpTo(2 ** 20).default(defaults.width),
  intermediate_size: countUpTo(largestSize).default(defaults.hiddenWidth),
  num_hidden_layers: countUpTo(4096).default(defaults.layers),
  num_attention_heads: heads.default(defaults.heads),
  // null means as many as query heads.
  num_key_value_heads: heads.nullish(),
  head_dim: countUpTo(2 ** 16).optional(),
  hidden_act: activationName.default(defaults.activation),
  max_position_embeddings: countUpTo(largestSize).default(defaults.context),
  tie_word_embeddings: z.boolean().default(defaults.tied),
  ...noOtherComputation,
  ...tokenFields,
});

/** Fields in which null has a meaning different from a missing field. */
export const nullableFields = ["num_key_value_heads", "sliding_window"];

/** ε of a norm. */
export const epsilon = z.number().positive().max(1);

type CommonFields = Omit<
  z.output<z.ZodObject<ReturnType<typeof decoderFields>>>,
  keyof typeof noOtherComputation
>;

interface CommonSetting {
  readonly modelType: string;
  /** The value if config.json has none; left out: as many as query heads. */
  readonly keyValueHeads?: number;
  /** The ids if config.json has none; left out: none. */
  readonly tokens?: { readonly bos?: number; readonly eos: number };
}

type CommonConfig = Omit<DecoderConfig, "norm" | "biases" | "layerAttention" | "notes">;

/** @throws PithError "config" if the width is not a multiple of the number of heads, or groups are not equal. */
export function commonConfig(
  config: CommonFields,
  file: string,
  { modelType, keyValueHeads, tokens }: CommonSetting,
): CommonConfig {
  const { num_attention_heads: count, hidden_size: width } = config;
  const asked = config.num_key_value_heads === undefined ? keyValueHeads : config.num_key_value_heads;
  const groups = asked ?? count;
  if (config.head_dim === undefined && width % count !== 0)
    throw configError(file, "num_attention_heads", `${count} heads don't divide hidden_size ${width}`);
  if (count % groups !== 0)
    throw configError(file, "num_key_value_heads", `${count} heads are not ${groups} equal groups`);
  return {
    modelType,
    layers: config.num_hidden_layers,
    width,
    hiddenWidth: config.intermediate_size,
    contextLength: config.max_position_embeddings,
    vocabularySize: config.vocab_size,
    heads: count,
    keyValueHeads: groups,
    headWidth: config.head_dim ?? width / count,
    activation: activationOf(config.hidden_act),
    tiedEmbeddings: config.tie_word_embeddings,
    ...specialTokenIds(config, config.vocab_size, tokens),
  };
}

/** For families whose heads share the residual stream's width. @throws PithError "config" */
export function refuseOtherWidth(
  { heads, headWidth, width }: Pick<DecoderConfig, "heads" | "headWidth" | "width">,
  file: string,
): void {
  if (heads * headWidth === width) return;
  throw configError(file, "head_dim", `is ${headWidth}: heads of this family share the width`);
}

/** The same attention in all layers. */
export function sameInAll(layers: number, attention: LayerAttention): readonly LayerAttention[] {
  return Array.from({ length: layers }, () => attention);
}
