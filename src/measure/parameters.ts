/**
 * Counts a model's parameters by what they are, so that a cut can be quoted both as the paper does (the body
 * alone: it counts neither biases nor embeddings) and as a user pays for it (everything in the file).
 */
import type { Linear, Norm, Transformer } from "../transformer/transformer.ts";
import { elementCount, type Weight } from "../transformer/weight.ts";

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
export function countParameters(model: Transformer): ParameterCount {
  const embeddings = new Set([model.tokenEmbedding, model.positionEmbedding, model.unembedding]);
  const parts = model.blocks.flatMap(({ attention, mlp }) => [
    ...(attention === undefined ? [] : [attention.query, attention.key, attention.value, attention.output]),
    ...(mlp === undefined ? [] : [mlp.up, mlp.down]),
  ]);
  const norms = [
    ...model.blocks.flatMap(({ attention, mlp }) => [attention?.norm, mlp?.norm]),
    model.finalNorm,
  ].filter((norm) => norm !== undefined);
  const body = sum(parts.map((part: Linear) => part.weight));
  const embedding = sum([...embeddings]);
  const bias = sum([...parts.flatMap((part) => part.bias ?? []), ...norms.flatMap(normWeights)]);
  return { body, embedding, bias, total: body + embedding + bias };
}

function normWeights(norm: Norm): readonly Weight[] {
  return [norm.scale, norm.shift, ...(norm.residualBias === undefined ? [] : [norm.residualBias])];
}

function sum(weights: readonly Weight[]): number {
  return weights.reduce((total, weight) => total + elementCount(weight.shape), 0);
}
