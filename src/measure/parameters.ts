/**
 * Counts a model's parameters by kind. So a reduction can be given as in the paper (body only: it counts neither
 * biases nor embeddings) and as it matters to a user (everything in the file).
 */
import { parts, type WeightRole } from "../transformer/parts.ts";
import type { AnyTransformer } from "../transformer/transformer.ts";
import { elementCount } from "../transformer/weight.ts";

/** A model's parameters, counted by kind. */
export interface ParameterCount {
  /** Weight matrices of attention and MLPs. */
  readonly body: number;
  /** Token and position tables, and the unembedding where it is not the token table. */
  readonly embedding: number;
  /** All vectors: biases, norms, and the constants that replace pruned components. */
  readonly bias: number;
  /** The sum of the three. */
  readonly total: number;
}

/** Each weight counts once, however many places use it. */
export function countParameters(model: AnyTransformer): ParameterCount {
  const counts: Record<WeightRole, number> = { body: 0, embedding: 0, vector: 0 };
  for (const { role, weight } of parts(model)) counts[role] += elementCount(weight.shape);
  const { body, embedding, vector: bias } = counts;
  return { body, embedding, bias, total: body + embedding + bias };
}
