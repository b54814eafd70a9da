/**
 * What a vector-Jacobian product gets: a node, the gradients of its outputs, and a builder for the nodes that
 * compute the gradients of its inputs. And what many of them need, because shapes may be symbols: to sum a gradient
 * over what was broadcast, to repeat it, to give it another value's shape.
 */
import type { Dimension, GraphNode, Shape, Value } from "../graph.ts";
import type { GraphBuilder } from "../graph-builder.ts";

export interface BackwardStep {
  readonly graph: GraphBuilder;
  readonly node: GraphNode;
  /** The gradient of each output; undefined where nothing that is differentiated reads it. */
  readonly upstream: readonly (Value | undefined)[];
  /** The values of an int64 constant; undefined for what is computed. */
  integers(value: Value): readonly number[] | undefined;
}

/** @returns the gradient of each input; undefined for one that has none, such as indices and conditions. */
export type VectorJacobian = (step: BackwardStep) => readonly (Value | undefined)[];

/** The parts of a node that has one output. */
export interface OneOutput {
  readonly graph: GraphBuilder;
  /** The first and second input. @throws TypeError for a node without them. */
  readonly x: Value;
  readonly second: Value;
  readonly y: Value;
  /** The gradient of y. */
  readonly g: Value;
}

export function oneOutput({ graph, node, upstream }: BackwardStep): OneOutput {
  const { inputs, outputs, operator } = node;
  const given = (value: Value | undefined): Value => {
    if (value === undefined) throw new TypeError(`${operator} lacks an input or an output`);
    return value;
  };
  return {
    graph,
    x: given(inputs[0]),
    get second() {
      return given(inputs[1]);
    },
    y: given(outputs[0]),
    g: given(upstream[0]),
  };
}

/**
 * The gradient of a value that was broadcast: its sum over the axes in which it was repeated, one axis after the other
 * and the last one first, because float32 sums of few terms lose less than one sum of all.
 * @param shape of the value.
 */
export function sumTo(graph: GraphBuilder, g: Value, shape: Shape): Value {
  const added = g.shape.length - shape.length;
  let sum = g;
  for (let axis = g.shape.length - 1; axis >= 0; axis--) {
    const isAdded = axis < added;
    if (isAdded || (shape[axis - added] === 1 && g.shape[axis] !== 1))
      sum = graph.reduceSum(sum, [axis], !isAdded);
  }
  return sum;
}

/** A value's shape as a tensor: a constant where all of it is known. */
function shapeTensor(graph: GraphBuilder, value: Value): Value {
  const numbers = value.shape.filter((dimension) => typeof dimension === "number");
  return numbers.length === value.shape.length
    ? graph.integers([numbers.length], numbers)
    : graph.shapeOf(value);
}

/** g repeated to a value's shape, to which it broadcasts. */
export function expandTo(graph: GraphBuilder, g: Value, value: Value): Value {
  return sameShape(g.shape, value.shape) ? g : graph.expand(g, shapeTensor(graph, value), value.shape);
}

export function zerosOf(graph: GraphBuilder, value: Value): Value {
  return graph.expand(graph.floats([], [0]), shapeTensor(graph, value), value.shape);
}

/** g in the shape of a value with as many elements. */
export function reshapeTo(graph: GraphBuilder, g: Value, value: Value): Value {
  if (sameShape(g.shape, value.shape)) return g;
  const dimensions = value.shape.map((dimension, axis) => {
    if (typeof dimension === "number") return dimension;
    return g.shape[axis] === dimension && value.shape.slice(0, axis).every((size, at) => size === g.shape[at])
      ? 0
      : -1;
  });
  if (dimensions.filter((dimension) => dimension === -1).length > 1)
    return graph.reshapeTo(g, graph.shapeOf(value), value.shape);
  const rest = value.shape[dimensions.indexOf(-1)];
  return graph.reshape(g, dimensions, rest);
}

/** One length of a value's shape, as a tensor [1]. */
export function lengthTensor(graph: GraphBuilder, value: Value, axis: number): Value {
  const length = value.shape[axis];
  return typeof length === "number"
    ? graph.integers([1], [length])
    : graph.slice(graph.shapeOf(value), 0, axis, axis + 1, 1);
}

/** The name of a product of dimensions, as `countFlops` reads it; undefined where it has none, for sums. */
export function productOf(dimensions: readonly Dimension[]): Dimension | undefined {
  const hasName = (dimension: Dimension) => typeof dimension === "number" || /^[\w*]+$/.test(dimension);
  if (!dimensions.every(hasName)) return undefined;
  return dimensions.every((dimension) => typeof dimension === "number")
    ? dimensions.reduce<number>((product, dimension) => product * dimension, 1)
    : dimensions.join("*");
}

export function integerAttribute(
  { attributes, operator }: GraphNode,
  name: string,
  otherwise: number,
): number {
  const attribute = attributes[name];
  if (attribute === undefined) return otherwise;
  if (attribute.kind !== "int") throw new TypeError(`${operator}: ${name} is no whole number`);
  return attribute.value;
}

function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}
