/** Vector-Jacobian products of activations. They pass over the widest tensors, so they make as few passes as they can. */
import type { Value } from "../graph.ts";
import type { GraphBuilder } from "../graph-builder.ts";
import { oneOutput, sumTo, type VectorJacobian } from "./backward-step.ts";

/** The derivative at 0 is 0. */
export const ofRelu: VectorJacobian = (step) => {
  const { graph, y, g } = oneOutput(step);
  const zero = graph.floats([], [0]);
  return [graph.where(graph.lessOrEqual(y, zero), zero, g)];
};

export const ofSigmoid: VectorJacobian = (step) => {
  const { graph, y, g } = oneOutput(step);
  return [graph.mul(g, graph.mul(y, graph.sub(graph.floats([], [1]), y)))];
};

export const ofGelu: VectorJacobian = (step) => {
  const { graph, x, y, g } = oneOutput(step);
  const { approximate } = step.node.attributes;
  const isTanh = approximate?.kind === "string" && approximate.value === "tanh";
  return [graph.mul(g, isTanh ? tanhSlope(graph, x, y) : exactSlope(graph, x))];
};

export const ofFastGelu: VectorJacobian = (step) => {
  const { graph, x, y, g } = oneOutput(step);
  const bias = step.node.inputs[1];
  const dx = graph.mul(g, tanhSlope(graph, bias === undefined ? x : graph.add(x, bias), y));
  return [dx, bias && sumTo(graph, dx, bias.shape)];
};

/**
 * With v = √(8/π)·(x + 0.044715 x³), gelu's approximation is y = x·σ(v), and its slope σ(v) + x·v'·σ(v)(1 − σ(v)) =
 * σ(v)·(1 + v'·(x − y)).
 */
function tanhSlope(graph: GraphBuilder, x: Value, y: Value): Value {
  const factor = Math.sqrt(8 / Math.PI);
  const scalar = (value: number) => graph.floats([], [value]);
  const square = graph.mul(x, x);
  const along = (cubic: number) => graph.add(graph.mul(square, scalar(cubic)), scalar(factor));
  const open = graph.sigmoid(graph.mul(x, along(factor * 0.044715)));
  const rest = graph.mul(along(3 * factor * 0.044715), graph.sub(x, y));
  return graph.mul(open, graph.add(rest, scalar(1)));
}

/** Φ(x) + x·φ(x). */
function exactSlope(graph: GraphBuilder, x: Value): Value {
  const scalar = (value: number) => graph.floats([], [value]);
  const half = scalar(0.5);
  const below = graph.add(graph.mul(graph.erf(graph.mul(x, scalar(Math.SQRT1_2))), half), half);
  const bell = graph.exp(graph.mul(graph.mul(x, x), scalar(-0.5)));
  return graph.add(below, graph.mul(graph.mul(x, bell), scalar(1 / Math.sqrt(2 * Math.PI))));
}
