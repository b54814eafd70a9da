/**
 * Attention as a graph. The scale of scores is folded into the query weights, unless queries are normalised. All
 * maps that read the same positions are one matrix product: queries, keys and values together or, if only the
 * last position has a query, keys and values together and queries separately.
 */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import { joinColumns, scaled } from "../transformer/derive.ts";
import { linearShape } from "../transformer/linear.ts";
import type { Attention, Linear, ProjectionNorm } from "../transformer/transformer.ts";
import { valueWidthOf } from "../transformer/value-width.ts";
import { lastPosition } from "./last-position.ts";
import { affine, joinMatrices, multiply } from "./linear.ts";
import type { StageOperators } from "./operator-set.ts";
import { asksForMask, type Places } from "./places.ts";
import { normalizeProjection, type Projected } from "./projection-norm.ts";
import { type Rotation, rotate } from "./rotary.ts";

/** Which positions have queries: all, or only the last (if nothing above reads any other). */
export type Queries = "all" | "last";

/** Settings of attention that do not depend on the layer. */
export interface AttentionSetting {
  readonly places: Places;
  readonly operators: StageOperators;
  /**
   * Whether every map is a product of its own, by its weights as the model has them: for weights that are trained. Left
   * out: maps are joined, and scales are part of the weights.
   */
  readonly apart?: boolean;
}

/**
 * @param normed [batch, sequence, d], normalised.
 * @returns z [batch, sequence or 1, heads × values' width], before W_O.
 */
export function attend(
  graph: GraphBuilder,
  normed: Value,
  attention: Attention,
  queries: Queries,
  setting: AttentionSetting,
): Value {
  return attendTo(
    graph,
    project(graph, normed, attention, queries, setting),
    attention,
    queries,
    setting.places,
  );
}

/**
 * Queries (scaled), keys and values of one layer's heads, [batch, n, heads × headWidth] or, of values, their width;
 * rotated by their positions.
 */
export interface Projections {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
}

type Grouped = Pick<Attention, "heads" | "keyValueHeads" | "group" | "headWidth" | "valueWidth">;
type Scored = Grouped & Pick<Attention, "scoreCap" | "window">;

/** Like `attend`, from given projections. */
export function attendTo(
  graph: GraphBuilder,
  projections: Projections,
  attention: Scored,
  queries: Queries,
  places: Pick<Places, "mask">,
): Value {
  const { z } = look(graph, projections, attention, queries, places);
  return mergeHeads(graph, z, attention);
}

/**
 * The attention pattern of each head, and the values that it reads.
 * @returns pattern [batch, heads, queries, keys]; z [batch, heads, queries, values' width].
 */
export function look(
  graph: GraphBuilder,
  { query, key, value }: Projections,
  attention: Scored,
  queries: Queries,
  places: Pick<Places, "mask">,
): { readonly pattern: Value; readonly z: Value } {
  const scores = graph.matMul(
    splitHeads(graph, query, attention.heads, attention, [0, 2, 1, 3]),
    forQueries(graph, splitHeads(graph, key, attention.keyValueHeads, attention, [0, 2, 3, 1]), attention),
  );
  const mask = asksForMask(attention, queries) ? places.mask(attention.window) : undefined;
  const rows = mask && queries === "last" ? lastPosition(graph, mask, 0) : mask;
  const pattern = patternOf(graph, scores, attention, rows);
  const values = splitValues(graph, value, attention);
  return { pattern, z: graph.matMul(pattern, forQueries(graph, values, attention)) };
}

/** Softmax over the keys that a query may see. @param scores [batch, heads, queries, keys]. */
export function patternOf(
  graph: GraphBuilder,
  scores: Value,
  { scoreCap }: Pick<Attention, "scoreCap">,
  mask: Value | undefined,
): Value {
  const capped = cap(graph, scores, scoreCap);
  return graph.softmax(mask === undefined ? capped : graph.add(capped, mask));
}

/** limit·tanh(x / limit); x itself without a limit. */
export function cap(graph: GraphBuilder, x: Value, limit: number | undefined): Value {
  if (limit === undefined) return x;
  const scale = graph.floats([], [limit]);
  return graph.mul(graph.tanh(graph.div(x, scale)), scale);
}

/**
 * Keys or values [batch, keyValueHeads, …] repeated for the query heads that read them, [batch, heads, …].
 * Returned unchanged if every query head has its own.
 */
export function forQueries(graph: GraphBuilder, x: Value, { group, keyValueHeads }: Grouped): Value {
  const own = group.length === keyValueHeads.length && group.every((place, head) => place === head);
  return own ? x : graph.gather(x, graph.integers([group.length], group), 1);
}

/** z × W_O, without b_O: the sum of the heads' writes to the residual stream. */
export function writeHeads(
  graph: GraphBuilder,
  z: Value,
  { output }: Pick<Attention, "output">,
  operators: StageOperators,
): Value {
  return multiply(graph, z, output, operators);
}

/**
 * The projections of the normalised stream; with `last`, queries are computed at the last position only.
 * @param normed [batch, positions, d], or [rows, d] if each row has a position of its own.
 */
export function project(
  graph: GraphBuilder,
  normed: Value,
  attention: Attention,
  queries: Queries,
  { places, operators, apart = false }: AttentionSetting,
): Projections {
  const { key, value, headWidth, heads, keyValueHeads, queryNorm, keyNorm, scoreScale } = attention;
  const isLast = queries === "last";
  const asked = apart ? attention.query : scaledQuery(attention);
  const asking: readonly (Linear | undefined)[] = [asked, prunedOf(queryNorm)];
  const seen: readonly (Linear | undefined)[] = [key, value, prunedOf(keyNorm)];
  const all = (isLast ? seen : [...asking, ...seen]).flatMap((linear) => linear ?? []);
  const products = apart
    ? new Map(all.map((linear) => [linear, affine(graph, normed, linear, operators)]))
    : joined(graph, normed, all, operators);
  const last = isLast ? lastPosition(graph, normed) : normed;
  const productOf = (linear: Linear): Value => products.get(linear) ?? affine(graph, last, linear, operators);
  const [query, prunedQueries, keys, values, prunedKeys] = [...asking, ...seen].map(
    (linear) => linear && productOf(linear),
  );
  if (query === undefined || keys === undefined || values === undefined)
    throw new RangeError("split gave too few parts");
  const rotation = attention.rotary && places.rotation(attention.rotary);
  const lastRotation = rotation && isLast ? lastOf(graph, rotation) : rotation;
  const [ofQueries, ofKeys] = [
    { projection: query, heads: heads.length, headWidth, pruned: prunedQueries },
    { projection: keys, heads: keyValueHeads.length, headWidth, pruned: prunedKeys },
  ];
  const placed = place(
    graph,
    ofQueries,
    attention,
    queryNorm,
    lastRotation,
    operators,
    apart ? 1 : scoreScale,
  );
  return {
    query: apart ? graph.mul(placed, graph.floats([], [scoreScale])) : placed,
    key: place(graph, ofKeys, attention, keyNorm, rotation, operators),
    value: values,
  };
}

/** The part of a norm's input that comes from pruned heads. */
function prunedOf(norm: ProjectionNorm | undefined): Linear | undefined {
  return norm?.kind === "joint" ? norm.pruned : undefined;
}

/**
 * One product for all maps, which is then split. Biases are joined if all maps have one, else added to each map
 * that has one.
 */
function joined(
  graph: GraphBuilder,
  x: Value,
  linears: readonly Linear[],
  operators: StageOperators,
): ReadonlyMap<Linear, Value> {
  const biases = linears.map(({ bias }) => bias);
  const all = biases.every((bias) => bias !== undefined);
  const matrix = joinMatrices(linears, operators);
  const product = affine(graph, x, all ? { ...matrix, bias: joinColumns(biases) } : matrix, operators);
  const widths = linears.map((linear) => linearShape(linear)[1]);
  const parts = graph.split(product, -1, widths);
  return new Map(
    linears.map((linear, index) => {
      const part = parts[index];
      if (part === undefined) throw new RangeError("split gave too few parts");
      const bias = all ? undefined : biases[index];
      return [linear, bias === undefined ? part : graph.add(part, graph.weight(bias))];
    }),
  );
}

/** The scale is part of the query weights; if queries are normalised, it is part of the norm's scale. */
function scaledQuery({ query, queryNorm, scoreScale }: Attention): Linear {
  if (queryNorm !== undefined) return query;
  return {
    ...query,
    weight: scaled(query.weight, scoreScale),
    ...(query.bias && { bias: scaled(query.bias, scoreScale) }),
  };
}

/** Normalises queries or keys, and rotates them by their positions. */
function place(
  graph: GraphBuilder,
  projected: Projected,
  { rotary }: Attention,
  norm: ProjectionNorm | undefined,
  rotation: Rotation | undefined,
  operators: StageOperators,
  scale = 1,
): Value {
  const { projection, heads, headWidth } = projected;
  if (norm === undefined && rotation === undefined) return projection;
  const each = normalizeProjection(graph, projected, norm, operators, scale);
  const turned =
    rotary !== undefined && rotation !== undefined ? rotate(graph, each, rotary, rotation) : each;
  const before = projection.shape.slice(0, -1).map(() => 0);
  return graph.reshape(turned, [...before, heads * headWidth]);
}

function lastOf(graph: GraphBuilder, { cos, sin }: Rotation): Rotation {
  const axis = cos.shape.length - 3;
  return { cos: lastPosition(graph, cos, axis), sin: lastPosition(graph, sin, axis) };
}

/** [batch, n, heads × headWidth] → [batch, n, heads, headWidth], then permuted. */
export function splitHeads(
  graph: GraphBuilder,
  x: Value,
  heads: readonly number[],
  { headWidth }: Pick<Attention, "headWidth">,
  permutation: readonly number[],
): Value {
  return graph.transpose(graph.reshape(x, [0, 0, heads.length, headWidth]), permutation);
}

/** Values [batch, n, keyValueHeads × their width] → [batch, keyValueHeads, n, their width]. */
export function splitValues(graph: GraphBuilder, value: Value, attention: Grouped): Value {
  const width = { headWidth: valueWidthOf(attention) };
  return splitHeads(graph, value, attention.keyValueHeads, width, [0, 2, 1, 3]);
}

/** z [batch, heads, n, values' width] → [batch, n, heads × values' width]. */
export function mergeHeads(
  graph: GraphBuilder,
  z: Value,
  attention: Pick<Attention, "heads" | "headWidth" | "valueWidth">,
): Value {
  const width = attention.heads.length * valueWidthOf(attention);
  return graph.reshape(graph.transpose(z, [0, 2, 1, 3]), [0, 0, width]);
}
