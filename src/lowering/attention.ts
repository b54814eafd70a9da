/**
 * Attention as a graph. The score's scale is folded into the queries' weights, and all that read the same
 * positions are one matrix product: queries, keys and values together, or, where only the last position
 * asks, keys and values together and queries apart.
 */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import { joinColumns, scaled } from "../transformer/derive.ts";
import type { Attention, Linear } from "../transformer/transformer.ts";
import { constantWeight, type Weight } from "../transformer/weight.ts";

/** Which positions ask: every one, or only the last (where nothing above reads any other). */
export type Queries = "all" | "last";

/**
 * @param normed [batch, sequence, d], normalised.
 * @param mask [sequence, sequence], 0 where a query may look and −∞ where not; not used by `last` queries,
 * which may look everywhere.
 * @returns z [batch, sequence or 1, heads × headWidth], before W_O.
 */
export function attend(
  graph: GraphBuilder,
  normed: Value,
  attention: Attention,
  queries: Queries,
  mask: Value | undefined,
): Value {
  return attendTo(graph, project(graph, normed, attention, queries), attention, queries, mask);
}

/** Queries (scaled), keys and values of one layer's heads, [batch, n, heads × headWidth] each. */
export interface Projections {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
}

/** As `attend`, from projections that are there already. */
export function attendTo(
  graph: GraphBuilder,
  { query, key, value }: Projections,
  attention: Pick<Attention, "heads" | "headWidth">,
  queries: Queries,
  mask: Value | undefined,
): Value {
  const scores = graph.matMul(
    splitHeads(graph, query, attention, [0, 2, 1, 3]),
    splitHeads(graph, key, attention, [0, 2, 3, 1]),
  );
  const pattern = graph.softmax(queries === "last" || mask === undefined ? scores : graph.add(scores, mask));
  const z = graph.matMul(pattern, splitHeads(graph, value, attention, [0, 2, 1, 3]));
  return mergeHeads(graph, z, attention);
}

/** z × W_O, without b_O: what the heads here write to the residual stream together. */
export function writeHeads(graph: GraphBuilder, z: Value, attention: Pick<Attention, "output">): Value {
  return graph.matMul(z, graph.weight(attention.output.weight));
}

/** What the heads here make of the normalised stream; `last` queries are of the last position alone. */
export function project(
  graph: GraphBuilder,
  normed: Value,
  attention: Attention,
  queries: Queries,
): Projections {
  const width = attention.heads.length * attention.headWidth;
  const query: Linear = {
    weight: scaled(attention.query.weight, attention.scoreScale),
    ...(attention.query.bias && { bias: scaled(attention.query.bias, attention.scoreScale) }),
  };
  if (queries === "last") {
    const last = graph.slice(normed, 1, -1, Number.MAX_SAFE_INTEGER, 1);
    const [k, v] = graph.split(affine(graph, normed, joinLinear([attention.key, attention.value])), -1, [
      width,
      width,
    ]);
    if (k === undefined || v === undefined) throw new RangeError("split gave too few parts");
    return { query: affine(graph, last, query), key: k, value: v };
  }
  const { key, value } = attention;
  // Where the queries alone have a bias (`foldConstants`), it is added to them alone.
  const apart = key.bias === undefined && value.bias === undefined ? query.bias : undefined;
  const joined = joinLinear([apart ? { weight: query.weight } : query, key, value]);
  const [q, k, v] = graph.split(affine(graph, normed, joined), -1, [width, width, width]);
  if (q === undefined || k === undefined || v === undefined) throw new RangeError("split gave too few parts");
  return { query: apart ? graph.add(q, graph.weight(apart)) : q, key: k, value: v };
}

/** x × weight + bias. @internal */
export function affine(graph: GraphBuilder, x: Value, linear: Linear): Value {
  const product = graph.matMul(x, graph.weight(linear.weight));
  return linear.bias === undefined ? product : graph.add(product, graph.weight(linear.bias));
}

/** [batch, n, heads × headWidth] → [batch, n, heads, headWidth], then permuted. */
export function splitHeads(
  graph: GraphBuilder,
  x: Value,
  attention: Pick<Attention, "heads" | "headWidth">,
  permutation: readonly number[],
): Value {
  return graph.transpose(graph.reshape(x, [0, 0, attention.heads.length, attention.headWidth]), permutation);
}

/** [batch, heads, n, headWidth] → [batch, n, heads × headWidth]. */
export function mergeHeads(
  graph: GraphBuilder,
  z: Value,
  attention: Pick<Attention, "heads" | "headWidth">,
): Value {
  const width = attention.heads.length * attention.headWidth;
  return graph.reshape(graph.transpose(z, [0, 2, 1, 3]), [0, 0, width]);
}

/** Several affine maps of one input as one; a missing bias is zeros, unless all are missing. */
function joinLinear(linears: readonly Linear[]): Linear {
  const weight = joinColumns(linears.map((linear) => linear.weight));
  if (linears.every((linear) => linear.bias === undefined)) return { weight };
  return { weight, bias: joinColumns(linears.map((linear) => linear.bias ?? zerosLike(linear.weight))) };
}

function zerosLike(weight: Weight): Weight {
  const width = weight.shape.at(-1) ?? 0;
  return constantWeight(`no bias of ${weight.name}`, [width], new Float32Array(width));
}
