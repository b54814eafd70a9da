/** Vector-Jacobian products of operators that move elements and compute none. */
import type { Value } from "../graph.ts";
import type { GraphBuilder } from "../graph-builder.ts";
import { normalizeAxis } from "../shape.ts";
import {
  type BackwardStep,
  integerAttribute,
  lengthTensor,
  oneOutput,
  productOf,
  reshapeTo,
  sumTo,
  type VectorJacobian,
  zerosOf,
} from "./backward-step.ts";

/** Of Reshape and Unsqueeze. */
export const ofReshape: VectorJacobian = (step) => {
  const { graph, x, g } = oneOutput(step);
  return [reshapeTo(graph, g, x)];
};

export const ofTranspose: VectorJacobian = (step) => {
  const { graph, g } = oneOutput(step);
  const { perm } = step.node.attributes;
  if (perm?.kind !== "ints") throw new TypeError("Transpose without a permutation");
  return [
    graph.transpose(
      g,
      perm.value.map((_, axis) => perm.value.indexOf(axis)),
    ),
  ];
};

export const ofExpand: VectorJacobian = (step) => {
  const { graph, x, g } = oneOutput(step);
  return [sumTo(graph, g, x.shape)];
};

export const ofConcat: VectorJacobian = (step) => {
  const { graph, g } = oneOutput(step);
  const axis = normalizeAxis(integerAttribute(step.node, "axis", 0), g.shape.length);
  const parts = step.node.inputs.filter((part) => part !== undefined);
  const lengths = parts.map((part) => part.shape[axis]);
  const known = lengths.filter((length) => typeof length === "number");
  if (known.length === lengths.length) return graph.split(g, axis, known);
  const computed = graph.concat(
    parts.map((part) => lengthTensor(graph, part, axis)),
    0,
    parts.length,
  );
  return graph.splitBy(
    g,
    axis,
    computed,
    parts.map(({ shape }) => shape),
  );
};

export const ofSplit: VectorJacobian = ({ graph, node, upstream }) => {
  const [x] = node.inputs;
  if (x === undefined) throw new TypeError("Split of nothing");
  const axis = integerAttribute(node, "axis", 0);
  const parts = node.outputs.map((part, index) => upstream[index] ?? zerosOf(graph, part));
  return [graph.concat(parts, axis, x.shape[normalizeAxis(axis, x.shape.length)] ?? 1)];
};

/** Zeros where the slice took nothing. */
export const ofSlice: VectorJacobian = (step) => {
  const { graph, x, y, g } = oneOutput(step);
  const [start, axis, stride] = [1, 3, 4].map((input) => constantOf(step, input));
  if (start === undefined || axis === undefined || stride !== undefined)
    throw new TypeError("Slice with computed bounds or steps");
  const rank = x.shape.length;
  const length = lengthTensor(graph, x, axis);
  const before = start < 0 ? graph.add(length, graph.integers([1], [start])) : graph.integers([1], [start]);
  const behind = graph.sub(length, graph.add(before, lengthTensor(graph, y, axis)));
  const none = (count: number) => graph.integers([count], Array<number>(count).fill(0));
  const pads = [none(axis), before, none(rank - 1), behind, none(rank - 1 - axis)];
  const parts = pads.filter(({ shape }) => shape[0] !== 0);
  return [graph.pad(g, graph.concat(parts, 0, 2 * rank), x.shape)];
};

function constantOf({ node, integers }: BackwardStep, input: number): number | undefined {
  const value = node.inputs[input];
  return value && integers(value)?.[0];
}

/**
 * The gradient is added at the rows that were gathered. Of a short list of constant indices that is a product with a
 * matrix of zeros and ones; otherwise it is a scatter, which ONNX Runtime does in one thread, in order.
 */
export const ofGather: VectorJacobian = (step) => {
  const { graph, x: data, second: indices, g } = oneOutput(step);
  const axis = normalizeAxis(integerAttribute(step.node, "axis", 0), data.shape.length);
  const constants = indices.shape.length === 1 ? step.integers(indices) : undefined;
  const hot = constants && byOneHot(graph, g, data, axis, constants);
  return [hot ?? byScatter(graph, g, data, axis, indices)];
};

/** The most elements of a matrix of zeros and ones. */
const largestOneHot = 4096;

function byOneHot(
  graph: GraphBuilder,
  g: Value,
  data: Value,
  axis: number,
  indices: readonly number[],
): Value | undefined {
  const length = data.shape[axis];
  const width = productOf(data.shape.slice(axis + 1));
  if (typeof length !== "number" || width === undefined || length * indices.length > largestOneHot)
    return undefined;
  const chosen = new Float32Array(length * indices.length);
  for (const [column, index] of indices.entries())
    chosen[(index < 0 ? index + length : index) * indices.length + column] = 1;
  const before = data.shape.slice(0, axis).map(() => 0);
  const rows = [...before, indices.length, typeof width === "number" ? width : -1];
  const columns = graph.reshape(g, rows, width);
  return reshapeTo(graph, graph.matMul(graph.floats([length, indices.length], chosen), columns), data);
}

function byScatter(graph: GraphBuilder, g: Value, data: Value, axis: number, indices: Value): Value {
  const behind = data.shape.slice(axis + 1);
  const count = productOf(indices.shape) ?? "indices";
  const shape = [...data.shape.slice(0, axis), count, ...behind];
  const rows = indices.shape.length === 1 ? g : graph.reshapeTo(g, rowsTarget(graph, data, axis), shape);
  const column = [...Array<number>(axis).fill(1), -1, ...behind.map(() => 1)];
  const places = graph.expand(graph.reshape(indices, column, count), graph.shapeOf(rows), shape);
  return graph.scatterAdd(zerosOf(graph, data), places, rows, axis);
}

/** The shape in which all indices are one axis: that of `data`, with -1 in the axis's place. */
function rowsTarget(graph: GraphBuilder, data: Value, axis: number): Value {
  const lengths = data.shape.map((_, at) =>
    at === axis ? graph.integers([1], [-1]) : lengthTensor(graph, data, at),
  );
  return graph.concat(lengths, 0, lengths.length);
}
