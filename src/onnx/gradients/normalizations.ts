/** Vector-Jacobian products of what normalises the last axis: norms and softmaxes. */
import type { GraphNode, Value } from "../graph.ts";
import type { GraphBuilder } from "../graph-builder.ts";
import { normalizeAxis } from "../shape.ts";
import {
  type BackwardStep,
  integerAttribute,
  oneOutput,
  sumTo,
  type VectorJacobian,
} from "./backward-step.ts";

/**
 * With x̂ = (x − mean)/σ and h = g·scale: the gradient of x is (h − mean h − x̂·mean(h·x̂))/σ, of scale the sum of g·x̂,
 * of shift the sum of g.
 */
export const ofLayerNormalization: VectorJacobian = (step) => {
  const { graph, x, second: scale, g } = ofLastAxis(step);
  const shift = step.node.inputs[2];
  const centered = graph.sub(x, meanOf(graph, x));
  const spread = rootMeanSquare(graph, centered, step.node);
  const normed = graph.div(centered, spread);
  const scaled = graph.mul(g, scale);
  const along = graph.mul(normed, meanOf(graph, graph.mul(scaled, normed)));
  const dx = graph.div(graph.sub(graph.sub(scaled, meanOf(graph, scaled)), along), spread);
  return [dx, sumTo(graph, graph.mul(g, normed), scale.shape), shift && sumTo(graph, g, shift.shape)];
};

/** The same without centring: (h − x̂·mean(h·x̂))/σ. */
export const ofSimplifiedLayerNormalization: VectorJacobian = (step) => {
  const { graph, x, second: scale, g } = ofLastAxis(step);
  const spread = rootMeanSquare(graph, x, step.node);
  const normed = graph.div(x, spread);
  const scaled = graph.mul(g, scale);
  const along = graph.mul(normed, meanOf(graph, graph.mul(scaled, normed)));
  return [graph.div(graph.sub(scaled, along), spread), sumTo(graph, graph.mul(g, normed), scale.shape)];
};

/** y·(g − Σ g·y). */
export const ofSoftmax: VectorJacobian = (step) => {
  const { graph, y, g } = ofLastAxis(step);
  return [graph.mul(y, graph.sub(g, graph.reduceSum(graph.mul(g, y), [-1], true)))];
};

/** g − exp(y)·Σ g. */
export const ofLogSoftmax: VectorJacobian = (step) => {
  const { graph, y, g } = ofLastAxis(step);
  return [graph.sub(g, graph.mul(graph.exp(y), graph.reduceSum(g, [-1], true)))];
};

function ofLastAxis(step: BackwardStep) {
  const parts = oneOutput(step);
  const rank = parts.x.shape.length;
  if (normalizeAxis(integerAttribute(step.node, "axis", -1), rank) !== rank - 1)
    throw new TypeError(`${step.node.operator} of another axis than the last`);
  return parts;
}

const meanOf = (graph: GraphBuilder, x: Value): Value => graph.reduceMean(x, [-1], true);

function rootMeanSquare(graph: GraphBuilder, x: Value, { attributes }: GraphNode): Value {
  const epsilon = attributes["epsilon"]?.kind === "float" ? attributes["epsilon"].value : 1e-5;
  return graph.sqrt(graph.add(meanOf(graph, graph.mul(x, x)), graph.floats([], [epsilon])));
}
