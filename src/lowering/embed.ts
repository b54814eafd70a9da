/** The part of a graph from token ids to the residual stream before the first block. */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import type { AnyTransformer } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";

/** The tokens' rows only, [..., d]. */
export function embedTokens(
  graph: GraphBuilder,
  { tokenEmbedding, embeddingScale }: Pick<AnyTransformer, "tokenEmbedding" | "embeddingScale">,
  ids: Value,
): Value {
  const rows = graph.gather(graph.weight(tokenEmbedding), ids);
  return embeddingScale === undefined ? rows : graph.mul(rows, graph.floats([], [embeddingScale]));
}

/**
 * The tokens' rows plus the positions' rows, if the model has a table of them.
 * @param positionRows the rows of the table for these tokens.
 */
export function embed(
  graph: GraphBuilder,
  model: Pick<AnyTransformer, "tokenEmbedding" | "embeddingScale" | "positions">,
  ids: Value,
  positionRows: (table: Weight) => Value,
): Value {
  const tokens = embedTokens(graph, model, ids);
  switch (model.positions.kind) {
    case "none":
      return tokens;
    case "learned":
      return graph.add(tokens, positionRows(model.positions.table));
  }
}
