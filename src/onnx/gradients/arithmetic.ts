/** Vector-Jacobian products of operators that work on each element by itself, activations apart. */
import { oneOutput, sumTo, type VectorJacobian } from "./backward-step.ts";

export const ofAdd: VectorJacobian = (step) => {
  const { graph, x, second, g } = oneOutput(step);
  return [sumTo(graph, g, x.shape), sumTo(graph, g, second.shape)];
};

export const ofSub: VectorJacobian = (step) => {
  const { graph, x, second, g } = oneOutput(step);
  return [sumTo(graph, g, x.shape), graph.neg(sumTo(graph, g, second.shape))];
};

export const ofMul: VectorJacobian = (step) => {
  const { graph, x, second, g } = oneOutput(step);
  return [sumTo(graph, graph.mul(g, second), x.shape), sumTo(graph, graph.mul(g, x), second.shape)];
};

export const ofDiv: VectorJacobian = (step) => {
  const { graph, x, second, y, g } = oneOutput(step);
  const quotient = graph.div(g, second);
  return [sumTo(graph, quotient, x.shape), graph.neg(sumTo(graph, graph.mul(quotient, y), second.shape))];
};

export const ofNeg: VectorJacobian = (step) => {
  const { graph, g } = oneOutput(step);
  return [graph.neg(g)];
};

export const ofExp: VectorJacobian = (step) => {
  const { graph, y, g } = oneOutput(step);
  return [graph.mul(g, y)];
};

export const ofLog: VectorJacobian = (step) => {
  const { graph, x, g } = oneOutput(step);
  return [graph.div(g, x)];
};

export const ofSqrt: VectorJacobian = (step) => {
  const { graph, y, g } = oneOutput(step);
  return [graph.div(g, graph.mul(y, graph.floats([], [2])))];
};

export const ofTanh: VectorJacobian = (step) => {
  const { graph, y, g } = oneOutput(step);
  return [graph.mul(g, graph.sub(graph.floats([], [1]), graph.mul(y, y)))];
};

export const ofSin: VectorJacobian = (step) => {
  const { graph, x, g } = oneOutput(step);
  return [graph.mul(g, graph.cos(x))];
};

export const ofCos: VectorJacobian = (step) => {
  const { graph, x, g } = oneOutput(step);
  return [graph.neg(graph.mul(g, graph.sin(x)))];
};

/** 2/√π·exp(−x²). */
export const ofErf: VectorJacobian = (step) => {
  const { graph, x, g } = oneOutput(step);
  const bell = graph.exp(graph.neg(graph.mul(x, x)));
  return [graph.mul(g, graph.mul(bell, graph.floats([], [2 / Math.sqrt(Math.PI)])))];
};

/** No gradient reaches the condition: what it chooses changes in steps. */
export const ofWhere: VectorJacobian = (step) => {
  const { graph, x: condition, second: chosen, g } = oneOutput(step);
  const other = step.node.inputs[2];
  if (other === undefined) throw new TypeError("Where lacks an input");
  const zero = graph.floats([], [0]);
  return [
    undefined,
    sumTo(graph, graph.where(condition, g, zero), chosen.shape),
    sumTo(graph, graph.where(condition, zero, g), other.shape),
  ];
};

/** Of Identity, and of Cast: a cast from whole numbers passes the gradient on to what made these, which refuses it. */
export const ofIdentity: VectorJacobian = (step) => [oneOutput(step).g];
