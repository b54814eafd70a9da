/** How a component reads the residual stream: a constant joins it, then it is normalised. */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Norm } from "../transformer/transformer.ts";

/** x with the constant joined, if there is one. A constant is [d], or [positions, d]; x is [..., positions, d]. */
export function joinConstant(graph: GraphBuilder, x: Value, constant: Value | undefined): Value {
  return constant === undefined ? x : graph.add(x, constant);
}

/** LayerNorm over the last axis. The norm's own residual bias is not added here. */
export function normalize(graph: GraphBuilder, x: Value, norm: Norm): Value {
  return graph.layerNormalization(x, graph.weight(norm.scale), graph.weight(norm.shift), norm.epsilon);
}
