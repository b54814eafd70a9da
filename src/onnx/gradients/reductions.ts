/** Vector-Jacobian products of sums, means and maxima over axes. */
import type { Value } from "../graph.ts";
import type { GraphBuilder } from "../graph-builder.ts";
import {
  type BackwardStep,
  expandTo,
  lengthTensor,
  oneOutput,
  type VectorJacobian,
} from "./backward-step.ts";

export const ofReduceSum: VectorJacobian = (step) => {
  const { graph, x, g } = oneOutput(step);
  return [expandTo(graph, withAxes(step, g), x)];
};

export const ofReduceMean: VectorJacobian = (step) => {
  const { graph, x, g } = oneOutput(step);
  return [expandTo(graph, graph.div(withAxes(step, g), countOf(graph, x, axesOf(step))), x)];
};

/** Entries that share the maximum share its gradient. */
export const ofReduceMax: VectorJacobian = (step) => {
  const { graph, x, y, g } = oneOutput(step);
  const isLargest = graph.cast(graph.equal(x, withAxes(step, y)), "float32");
  const share = graph.div(withAxes(step, g), graph.reduceSum(isLargest, axesOf(step), true));
  return [graph.mul(isLargest, share)];
};

function axesOf({ node, integers }: BackwardStep): readonly number[] {
  const axes = node.inputs[1] && integers(node.inputs[1]);
  if (axes === undefined) throw new TypeError(`${node.operator} over axes that are computed`);
  return axes;
}

/** A value in the shape of what was reduced, with length 1 in place of the reduced axes. */
function withAxes(step: BackwardStep, reduced: Value): Value {
  const { graph, x } = oneOutput(step);
  return reduced.shape.length === x.shape.length ? reduced : graph.unsqueeze(reduced, axesOf(step));
}

/** How many elements each mean is of. */
function countOf(graph: GraphBuilder, x: Value, axes: readonly number[]): Value {
  const known = axes.reduce((product, axis) => {
    const length = x.shape[axis];
    return typeof length === "number" ? product * length : product;
  }, 1);
  const others = axes.filter((axis) => typeof x.shape[axis] === "string");
  return others.reduce(
    (count, axis) => graph.mul(count, graph.cast(lengthTensor(graph, x, axis), "float32")),
    graph.floats([], [known]),
  );
}
