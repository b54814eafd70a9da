/** Rewriting a graph leaves nodes, constants and weights behind that no output depends on any more. */
import type { Graph } from "./graph.ts";

/** The graph without them; inputs stay, since its callers feed all of them. */
export function withoutUnread(graph: Graph): Graph {
  const read = new Set(graph.outputs.map(({ name }) => name));
  const nodes = graph.nodes.toReversed().filter(({ inputs, outputs }) => {
    if (!outputs.some(({ name }) => read.has(name))) return false;
    for (const input of inputs) if (input !== undefined) read.add(input.name);
    return true;
  });
  const isRead = ({ value }: { readonly value: { readonly name: string } }) => read.has(value.name);
  return {
    ...graph,
    nodes: nodes.toReversed(),
    constants: graph.constants.filter(isRead),
    weights: graph.weights.filter(isRead),
  };
}
