/** Where a query may look, as something to be added to its scores. */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";

/**
 * Lower than any score, and finite: a query that may look nowhere (one of padding) then looks everywhere
 * alike, where −∞ would make it NaN.
 */
export const hidden = -3.4e38;

/** @param allowed bool; true where the query may look. @returns 0 there, elsewhere a number below all scores. */
export function maskFrom(graph: GraphBuilder, allowed: Value): Value {
  return graph.where(allowed, graph.floats([], [0]), graph.floats([], [hidden]));
}
