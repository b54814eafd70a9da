/**
 * Counts a model's parameters by what they are, so that a cut can be quoted both as the paper does (the body
 * alone: it counts neither biases nor embeddings) and as a user pays for it (everything in the file).
 */
import { parts, type WeightRole } from "../transformer/parts.ts";
import type { AnyTransformer } from "../transformer/transformer.ts";
import { elementCount } from "../transformer/weight.ts";

/** A model's parameters, counted by what they are. */
export interface ParameterCount {
  /** Weight matrices of attention and MLPs. */
  readonly body: number;
  /** Token and position tables, and the unembedding where it is not the token table. */
  readonly embedding: number;
  /** All vectors: biases, norms, and the constants that pruned components left behind. */
  readonly bias: number;
  /** The three together. */
  readonly total: number;
}

/** Each weight counts once, however many places use it. */
export function countParameters(model: AnyTransformer): ParameterCount {
  const counts: Record<WeightRole, number> = { body: 0, embedding: 0, vector: 0 };
  for (const { role, weight } of parts(model)) counts[role] += elementCount(weight.shape);
  const { body, embedding, vector: bias } = counts;
  return { body, embedding, bias, total: body + embedding + bias };
}
