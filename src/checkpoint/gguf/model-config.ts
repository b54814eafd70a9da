/**
 * What config.json would say of a GGUF file's model, in Hugging Face's fields, so that the family's own file reads it.
 * llama.cpp's defaults stand where the file is silent, since the family's may be others.
 */
import type { GgufArchitecture } from "./architectures.ts";
import type { GgufFacts } from "./facts.ts";
import type { MetadataReader } from "./metadata.ts";

/** Numbers by which a file divides each pair's angle. */
export interface RotaryFactors {
  /** For all lengths. */
  readonly all?: readonly number[];
  /** For prompts up to the original length, and beyond. */
  readonly short?: readonly number[];
  readonly long?: readonly number[];
}

export function modelConfig(
  architecture: GgufArchitecture,
  facts: GgufFacts,
  metadata: MetadataReader,
  factors: RotaryFactors,
): Record<string, unknown> {
  const { number, has } = facts;
  const epsilon = number("attention.layer_norm_rms_epsilon") ?? number("attention.layer_norm_epsilon");
  const tokens = (name: string) => metadata.count(`tokenizer.ggml.${name}_token_id`) ?? null;
  return {
    model_type: architecture.modelType,
    hidden_size: facts.width,
    intermediate_size: facts.hiddenWidth,
    num_hidden_layers: facts.layers,
    num_attention_heads: facts.heads,
    num_key_value_heads: facts.keyValueHeads,
    head_dim: facts.headWidth,
    max_position_embeddings: facts.contextLength,
    vocab_size: facts.vocabularySize,
    ...(epsilon !== undefined && { [architecture.epsilon]: epsilon }),
    tie_word_embeddings: !has("output.weight"),
    bos_token_id: tokens("bos"),
    eos_token_id: tokens("eos"),
    ...(architecture.rotary !== false && rotaryConfig(facts, factors, architecture.windowBase?.(facts))),
    ...architecture.config?.(facts),
  };
}

/** @param windowBase of layers with a window, where these turn by angles of their own. */
function rotaryConfig(
  facts: GgufFacts,
  factors: RotaryFactors,
  windowBase: number | undefined,
): Record<string, unknown> {
  const { number, count, headWidth } = facts;
  const base = number("rope.freq_base") ?? 10_000;
  const share = shareOf(count("rope.dimension_count") ?? headWidth, headWidth);
  const scaling = scalingConfig(facts, factors);
  if (windowBase === undefined)
    return { rope_theta: base, partial_rotary_factor: share, rope_scaling: scaling };
  return {
    partial_rotary_factor: share,
    rope_parameters: {
      full_attention: { rope_type: "default", ...scaling, rope_theta: base },
      sliding_attention: { rope_type: "default", rope_theta: windowBase },
    },
  };
}

/** A share of which the family's rounding gives the very width. */
function shareOf(width: number, headWidth: number): number {
  const share = width / headWidth;
  return Math.floor(headWidth * share) === width ? share : (width + 0.5) / headWidth;
}

function scalingConfig(
  facts: GgufFacts,
  { all, short, long }: RotaryFactors,
): Readonly<Record<string, unknown>> | null {
  const { text, number, count, contextLength } = facts;
  const type = text("rope.scaling.type") ?? "none";
  const factor = number("rope.scaling.factor") ?? number("rope.scale_linear");
  const original = count("rope.scaling.original_context_length");
  const attention = number("rope.scaling.attn_factor");
  if (short !== undefined)
    return {
      rope_type: "longrope",
      short_factor: short,
      long_factor: long ?? short,
      original_max_position_embeddings: original ?? contextLength,
      attention_factor: attention ?? 1,
    };
  // Both at once is no type of config.json's: the family refuses it by this name.
  if (all !== undefined && (factor ?? 1) !== 1) return { rope_type: `${type} with rope_freqs` };
  // Llama 3's angles, which the converter worked out: LongRoPE with one list says the same.
  if (all !== undefined)
    return {
      rope_type: "longrope",
      short_factor: all,
      original_max_position_embeddings: contextLength,
      attention_factor: attention ?? 1,
    };
  // It multiplies what every type gives; only LongRoPE's files have it, and the family refuses the others by this name.
  if ((attention ?? 1) !== 1) return { rope_type: `${type} with attn_factor` };
  switch (type) {
    case "none":
      return factor === undefined || factor === 1 ? null : { rope_type: "linear", factor };
    case "linear":
      return { rope_type: "linear", factor };
    case "yarn":
      return {
        rope_type: "yarn",
        factor,
        original_max_position_embeddings: original,
        beta_fast: number("rope.scaling.yarn_beta_fast"),
        beta_slow: number("rope.scaling.yarn_beta_slow"),
        attention_factor: number("rope.scaling.yarn_attn_factor"),
      };
    default:
      // Refused by the family, by its name.
      return { rope_type: type, factor };
  }
}
