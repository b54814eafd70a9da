/** Normalises a layer's queries or keys: each head's separately, or those of all heads together. */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import { scaled } from "../transformer/derive.ts";
import type { JointNorm, Norm, ProjectionNorm } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
import { normalize, normalizeBy } from "./norm.ts";
import type { StageOperators } from "./operator-set.ts";

/** Queries or keys, after the product with their weights. */
export interface Projected {
  /** [..., heads × headWidth]. */
  readonly projection: Value;
  readonly heads: number;
  readonly headWidth: number;
  /** The projections of pruned heads, if a norm includes them. */
  readonly pruned?: Value | undefined;
}

/** @param factor multiplies the result. @returns [..., heads, headWidth]. */
export function normalizeProjection(
  graph: GraphBuilder,
  projected: Projected,
  norm: ProjectionNorm | undefined,
  operators: StageOperators,
  factor = 1,
): Value {
  const { projection, heads, headWidth } = projected;
  const before = projection.shape.slice(0, -1).map(() => 0);
  const byHead = (x: Value) => graph.reshape(x, [...before, heads, headWidth]);
  if (norm === undefined) return byHead(projection);
  if (norm.kind === "joint") return byHead(normalizeTogether(graph, projected, norm, operators, factor));
  if (norm.scale.shape[0] === headWidth)
    return normalize(graph, byHead(projection), scaledNorm(norm, factor), operators);
  const { scale, shift } = { shift: undefined, ...scaledNorm(norm, factor) };
  const rows = (weight: Weight) => graph.reshape(graph.weight(weight), [heads, headWidth]);
  const ones = { scale: graph.floats([headWidth], new Float32Array(headWidth).fill(1)) };
  const times = graph.mul(normalizeBy(graph, byHead(projection), norm, ones, operators), rows(scale));
  return shift === undefined ? times : graph.add(times, rows(shift));
}

function normalizeTogether(
  graph: GraphBuilder,
  { projection, pruned }: Projected,
  { scale, epsilon, count }: JointNorm,
  operators: StageOperators,
  factor: number,
): Value {
  if (pruned === undefined)
    return normalize(graph, projection, { kind: "rms", scale: scaled(scale, factor), epsilon }, operators);
  const squares = (x: Value) => graph.reduceSum(graph.mul(x, x), [-1], true);
  const sum = graph.add(squares(projection), squares(pruned));
  const meanSquare = graph.mul(sum, graph.floats([], [1 / count]));
  const root = graph.sqrt(graph.add(meanSquare, graph.floats([], [epsilon])));
  return graph.mul(graph.div(projection, root), graph.weight(scaled(scale, factor)));
}

function scaledNorm(norm: Norm, factor: number): Norm {
  const scale = scaled(norm.scale, factor);
  return norm.kind === "rms" || norm.shift === undefined
    ? { ...norm, scale }
    : { ...norm, scale, shift: scaled(norm.shift, factor) };
}
