/**
 * Counts the bytes that a run of a graph must move at least: every weight once (of a table, only the rows that
 * are read), the inputs and the outputs. Values between the nodes may stay in a cache and are not counted.
 */
import { shapeSize } from "./flops.ts";
import type { ElementType, Graph, GraphNode, Value } from "./graph.ts";
import { operators } from "./operators.ts";

const bits: Readonly<Record<ElementType, number>> = {
  float32: 32,
  int64: 64,
  bool: 8,
  float16: 16,
  int8: 8,
  int4: 4,
  uint8: 8,
  int32: 32,
};

/** @param sizes the value of every symbolic dimension. */
export function countTraffic(graph: Graph, sizes: Readonly<Record<string, number>>): number {
  const readers = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      if (input !== undefined) readers.set(input.name, [...(readers.get(input.name) ?? []), node]);
    }
  }
  const weights = graph.weights.map(({ value }) => weightBytes(value, readers.get(value.name) ?? [], sizes));
  const ends = [...graph.inputs, ...graph.outputs].map((value) => bytesOf(value, sizes));
  return [...weights, ...ends].reduce((sum, bytes) => sum + bytes, 0);
}

function weightBytes(
  weight: Value,
  readers: readonly GraphNode[],
  sizes: Readonly<Record<string, number>>,
): number {
  const whole = bytesOf(weight, sizes);
  const gathers = readers.filter(
    ({ operator, inputs }) => operators[operator].readsRows && inputs[0] === weight,
  );
  if (gathers.length === readers.length) {
    const rows = gathers.reduce((sum, { inputs }) => sum + shapeSize(inputs[1]?.shape ?? [], sizes), 0);
    return Math.min(whole, (whole / shapeSize(weight.shape.slice(0, 1), sizes)) * rows);
  }
  // A runtime widens constants when it loads them, so that a run reads float32.
  return weight.type === "float16" ? 2 * whole : whole;
}

const bytesOf = ({ type, shape }: Value, sizes: Readonly<Record<string, number>>): number =>
  (shapeSize(shape, sizes) * bits[type]) / 8;
