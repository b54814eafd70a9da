/**
 * Counts the floating-point operations of a graph's matrix products, 2·m·n·k each. Nothing else is counted: other
 * operators (norms, softmax, activations) is bound by memory, and tools that quote model FLOPs leave it out too.
 */
import type { Dimension, Graph, GraphNode, Shape } from "./graph.ts";
import { operators } from "./operators.ts";

/** @param sizes the value of every symbolic dimension that the products use. */
export function countFlops(graph: Graph, sizes: Readonly<Record<string, number>>): number {
  return graph.nodes.reduce((sum, node) => sum + nodeFlops(node, sizes), 0);
}

function nodeFlops(node: GraphNode, sizes: Readonly<Record<string, number>>): number {
  if (!operators[node.operator].isProduct) return 0;
  const isTransposed = node.attributes["transA"]?.kind === "int" && node.attributes["transA"].value === 1;
  const inner = node.inputs[0]?.shape.at(isTransposed ? -2 : -1);
  const output = node.outputs[0]?.shape;
  if (inner === undefined || output === undefined) throw new TypeError(`${node.operator} without shapes`);
  return 2 * size(inner, sizes) * shapeSize(output, sizes);
}

/** How many elements a shape has. */
export function shapeSize(shape: Shape, sizes: Readonly<Record<string, number>>): number {
  return shape.reduce<number>((product, dimension) => product * size(dimension, sizes), 1);
}

/**
 * The size of a dimension. A symbol may be a product, "batch*sequence" or "removed*80", or a sum, "past+sequence",
 * where an operator joined two dimensions.
 */
function size(dimension: Dimension, sizes: Readonly<Record<string, number>>): number {
  if (typeof dimension === "number" || /^\d+$/.test(dimension)) return Number(dimension);
  if (dimension.includes("+")) {
    return dimension.split("+").reduce((sum, part) => sum + size(part, sizes), 0);
  }
  if (dimension.includes("*")) return shapeSize(dimension.split("*"), sizes);
  const known = sizes[dimension];
  if (known === undefined) throw new RangeError(`the size of dimension "${dimension}" is not given`);
  return known;
}
