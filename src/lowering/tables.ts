/**
 * The part of a circuit that depends on a token and its position alone, as a graph over pairs of the two: run
 * once when the circuit is compiled, and never again.
 */
import type { Graph, Value } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Norm, Transformer } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
import { project } from "./attention.ts";
import { applyMlp } from "./mlp.ts";
import { normalize } from "./norm.ts";
import { normOf, partsOf } from "./parts.ts";

/**
 * Inputs: tokens, positions int64 [rows]. Outputs of a model with heads: residual [rows, d], the stream that
 * the lowest heads read and all constants before the next reader; query (scaled), key_value, [rows, w] and
 * [rows, 2w]. Of a model without: scores [rows, answers].
 * @param model a fitted one. @param unembedding the answers' rows.
 */
export function lowerTables(model: Transformer, unembedding: Weight): Graph {
  const graph = new GraphBuilder("tables");
  const tokens = graph.input("tokens", "int64", ["rows"]);
  const positions = graph.input("positions", "int64", ["rows"]);
  const constantOf = (weight: Weight): Value => {
    const value = graph.weight(weight);
    return weight.shape.length === 1 || weight.shape[0] === 1 ? value : graph.gather(value, positions);
  };
  const join = (x: Value, norm: Norm): Value =>
    norm.residualBias === undefined ? x : graph.add(x, constantOf(norm.residualBias));

  let x = graph.add(
    graph.gather(graph.weight(model.tokenEmbedding), tokens),
    constantOf(model.positionEmbedding),
  );
  const parts = partsOf(model);
  for (const [index, part] of parts.entries()) {
    x = join(x, normOf(part));
    const normed = normalize(graph, x, normOf(part));
    if (part.kind === "mlp") {
      x = graph.add(x, applyMlp(graph, normed, part.mlp, "onnxruntime"));
      continue;
    }
    const { query, key, value } = project(graph, normed, part.attention, "all");
    const next = parts[index + 1];
    graph.output("residual", join(x, next === undefined ? model.finalNorm : normOf(next)));
    graph.output("query", query);
    graph.output("key_value", graph.concat([key, value], 1, 2 * Number(key.shape[1])));
    return graph.build();
  }
  const normed = normalize(graph, join(x, model.finalNorm), model.finalNorm);
  graph.output("scores", graph.matMulTransposed(normed, graph.weight(unembedding)));
  return graph.build();
}
