/**
 * The mask of attention: a query sees itself and the positions before it, within the layer's window if there is
 * one.
 */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";

/**
 * Lower than any score, but finite: a query that sees nothing (of padding) then attends equally to everything,
 * whereas −∞ would give NaN.
 */
const hidden = -3.4e38;

/**
 * @param allowed bool; true where the query may see the key. @returns 0 there, elsewhere a number below all
 * scores.
 */
export function maskFrom(graph: GraphBuilder, allowed: Value): Value {
  return graph.where(allowed, graph.floats([], [0]), graph.floats([], [hidden]));
}

/**
 * @param queries positions, int64 [n, 1]. @param keys positions, int64 [1, m] or [m].
 * @returns bool [n, m], true where the query may see the key.
 */
export function mayLook(graph: GraphBuilder, queries: Value, keys: Value, window: number | undefined): Value {
  const causal = graph.lessOrEqual(keys, queries);
  if (window === undefined) return causal;
  const near = graph.lessOrEqual(graph.sub(queries, keys), graph.integers([], [window - 1]));
  return graph.and(causal, near);
}

/** The same as `maskFrom(mayLook(…))` for all positions of a prompt: [length, length], rows are queries. */
export function causalMask(length: number, window = length): Float32Array<ArrayBuffer> {
  const data = new Float32Array(length * length);
  for (let query = 0; query < length; query++) {
    const row = query * length;
    data.fill(hidden, row, row + Math.max(0, query - window + 1));
    data.fill(hidden, row + query + 1, row + length);
  }
  return data;
}
