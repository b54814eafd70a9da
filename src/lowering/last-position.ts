/** The last position's row of a tensor, kept as an axis of length 1. */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";

/** [batch, length, …] → [batch, 1, …], or along another axis than 1. */
export function lastPosition(graph: GraphBuilder, x: Value, axis = 1): Value {
  return graph.slice(x, axis, -1, Number.MAX_SAFE_INTEGER, 1);
}
