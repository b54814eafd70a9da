/**
 * Reverse-mode differentiation of a graph: the result is again a graph, which computes the outputs' values on its way
 * and then, from the last node to the first, each value's gradient. So it runs wherever the graph runs. Graphs chain:
 * the gradient of a layer's input is the upstream vector of the layer below.
 */

import { type BackwardStep, zerosOf } from "./gradients/backward-step.ts";
import type { Graph, GraphNode, Value } from "./graph.ts";
import { GraphBuilder } from "./graph-builder.ts";
import { operators } from "./operators.ts";
import { withoutUnread } from "./without-unread.ts";

export interface GradientOptions {
  /** The name of a float32 output. */
  readonly of: string;
  /** Names of float32 inputs or weights. */
  readonly wrt: readonly string[];
  /** The new graph's name; left out: "gradient of " and the graph's. */
  readonly name?: string;
  /** Names of outputs of `graph` that the new graph has too. */
  readonly keep?: readonly string[];
  /** Names of values that are taken for constants: no gradient goes through them. */
  readonly held?: readonly string[];
}

/** The name of a value's upstream vector among a gradient graph's inputs, and of the gradient among its outputs. */
export const gradientName = <Name extends string>(value: Name): `gradient.${Name}` => `gradient.${value}`;

/** A gradient that does not exist: a fault of what was asked for, or an operator without one. @internal */
export class GradientError extends Error {
  override readonly name = "GradientError";
}

/**
 * The gradients of Σ upstream·output. Inputs: those of `graph`, and `gradient.<of>`, the upstream vector, with the shape
 * of the output. Outputs: `gradient.<name>` for each of `wrt`, with the shape of that value (summed over what is
 * broadcast; zeros where the output does not depend on it), and those of `keep`. Where the upstream vector is not finite,
 * neither are the gradients that it reaches.
 * @throws GradientError naming an operator that has no gradient, on the way from `wrt` to `of`; or a name of `wrt`, `of`
 * or `keep` that the graph does not have.
 */
export function gradientGraph(graph: Graph, options: GradientOptions): Graph {
  const { of, wrt, name = `gradient of ${graph.name}`, keep = [], held = [] } = options;
  const output = differentiable(graph.outputs, of, `an output of "${graph.name}"`);
  const ends = [...graph.inputs, ...graph.weights.map(({ value }) => value)];
  const sources = wrt.map((each) => differentiable(ends, each, `an input or a weight of "${graph.name}"`));
  const builder = GraphBuilder.continuing(graph, name);
  const gradients = new Map([[of, builder.input(gradientName(of), "float32", output.shape)]]);
  backwards(graph, builder, gradients, dependents(graph, wrt, held));
  for (const each of keep) builder.keepOutput(named(graph.outputs, each, `an output of "${graph.name}"`));
  for (const source of sources)
    builder.output(gradientName(source.name), gradients.get(source.name) ?? zerosOf(builder, source));
  return withoutUnread(builder.build());
}

/** Adds the nodes, and to `gradients` the gradient of every value that moves. */
function backwards(
  graph: Graph,
  builder: GraphBuilder,
  gradients: Map<string, Value>,
  moving: ReadonlySet<string>,
): void {
  const constants = new Map(graph.constants.map(({ value, data }) => [value.name, data]));
  const integers: BackwardStep["integers"] = ({ name }) => {
    const data = constants.get(name);
    return data instanceof BigInt64Array ? Array.from(data, Number) : undefined;
  };
  const shapes = canonicalShapes(graph);
  for (const node of graph.nodes.toReversed()) {
    const upstream = node.outputs.map(({ name }) => (moving.has(name) ? gradients.get(name) : undefined));
    if (upstream.every((gradient) => gradient === undefined)) continue;
    const { gradient } = operators[node.operator];
    if (typeof gradient === "string") throw new GradientError(refusal(graph, node));
    const parts = gradient({ graph: builder, node, upstream, integers });
    for (const [index, input] of node.inputs.entries()) {
      const part = parts[index];
      if (input === undefined || part === undefined || !moving.has(input.name)) continue;
      // A reader may call a dimension by another name than the value's maker.
      const own = { ...part, shape: shapes.get(input.name) ?? input.shape };
      const others = gradients.get(input.name);
      gradients.set(input.name, others === undefined ? own : builder.add(others, own));
    }
  }
}

/** The names of all values that change with one of the sources. */
function dependents(graph: Graph, sources: readonly string[], held: readonly string[]): ReadonlySet<string> {
  const fixed = new Set(held);
  const moving = new Set(sources);
  for (const { operator, inputs, outputs } of graph.nodes) {
    if (operators[operator].gradient === "constant") continue;
    if (!inputs.some((input) => input !== undefined && moving.has(input.name))) continue;
    for (const { name } of outputs) if (!fixed.has(name)) moving.add(name);
  }
  return moving;
}

/** The shape of each value as its maker declares it. */
function canonicalShapes(graph: Graph): ReadonlyMap<string, Value["shape"]> {
  const ends = [...graph.inputs, ...[...graph.weights, ...graph.constants].map(({ value }) => value)];
  const made = graph.nodes.flatMap(({ outputs }) => outputs);
  return new Map([...ends, ...made].map(({ name, shape }) => [name, shape]));
}

function refusal(graph: Graph, { operator, outputs }: GraphNode): string {
  const [result] = outputs;
  return `"${graph.name}" can't be differentiated: ${operator}, which makes ${result?.name}, has no gradient.`;
}

function named(values: readonly Value[], name: string, what: string): Value {
  const value = values.find((each) => each.name === name);
  if (value === undefined) throw new GradientError(`"${name}" is not ${what}.`);
  return value;
}

function differentiable(values: readonly Value[], name: string, what: string): Value {
  const value = named(values, name, what);
  if (value.type !== "float32")
    throw new GradientError(`"${name}" is ${value.type}; only float32 values have gradients.`);
  return value;
}
