/**
 * The part of a circuit that depends only on a token and its position, as a graph over pairs of the two. It is
 * run once, when the circuit is compiled.
 */
import type { Graph, Value } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import type { FoldedTransformer } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
import { project } from "./attention.ts";
import { embed } from "./embed.ts";
import { joinedConstant } from "./joined-constant.ts";
import { partsOf, residualBiasOf } from "./kept-part.ts";
import { normalize } from "./norm.ts";
import { areFirst, madeOnce, type Places } from "./places.ts";
import { rotationTables } from "./rotary.ts";
import { logitsOf } from "./unembed.ts";
import { walkParts, writeMlp } from "./walk-parts.ts";

const operators = "onnxruntime" as const;

/**
 * Inputs: tokens, positions int64 [rows]. Outputs of a model with heads: residual [rows, d], the stream that the
 * lowest heads read, what an MLP that reads the same stream writes (in a parallel layer), and all constants before
 * the next reader; query (scaled) and key_value, rotated by their positions, [rows, w] and [rows, keys' and values'
 * widths together]. Of a model without heads: scores [rows, answers].
 * @param model a fitted one. @param unembedding the answers' rows. @param unembeddingBias theirs.
 */
export function lowerTables(
  model: FoldedTransformer,
  unembedding: Weight,
  unembeddingBias: Weight | undefined,
): Graph {
  const graph = new GraphBuilder("tables");
  const tokens = graph.input("tokens", "int64", ["rows"]);
  const positions = graph.input("positions", "int64", ["rows"]);
  const places = tokenPlaces(graph, positions, model.contextLength);
  const rowsOf = (weight: Weight): Value => {
    const value = graph.weight(weight);
    return weight.shape.length === 1 || weight.shape[0] === 1 ? value : graph.gather(value, positions);
  };
  const constantOf = (weight: Weight): Value =>
    model.firstPosition === "apart" ? joinedConstant(graph, weight, places) : rowsOf(weight);
  const join = (x: Value, bias: Weight | undefined): Value =>
    bias === undefined ? x : graph.add(x, constantOf(bias));
  const constant = (part: Parameters<typeof residualBiasOf>[0]): Value | undefined => {
    const bias = residualBiasOf(part);
    return bias && constantOf(bias);
  };
  const parts = partsOf(model);
  const lowest = parts.findIndex(({ kind }) => kind !== "mlp");
  const below = lowest < 0 ? parts : parts.slice(0, lowest);
  const embedded = embed(graph, model, tokens, rowsOf);
  const setting = { places, operators, inner: constantOf };
  const x = walkParts(graph, embedded, below, { ...setting, constant });
  const part = parts[lowest];
  if (part === undefined || part.kind === "mlp") {
    const normed = normalize(graph, join(x, model.finalBias), model.finalNorm, operators);
    graph.output("scores", logitsOf(graph, normed, { ...model, unembeddingBias }, unembedding));
    return graph.build();
  }
  const stream = join(x, residualBiasOf(part));
  const normed = normalize(graph, stream, part.attention.norm, operators);
  const { query, key, value } = project(graph, normed, part.attention, "all", { places, operators });
  const next = parts[lowest + 1];
  const beside =
    part.kind === "both" ? graph.add(stream, writeMlp(graph, stream, part.mlp, setting)) : stream;
  graph.output("residual", join(beside, next === undefined ? model.finalBias : residualBiasOf(next)));
  graph.output("query", query);
  graph.output("key_value", graph.concat([key, value], 1, Number(key.shape[1]) + Number(value.shape[1])));
  return graph.build();
}

/** Each row is a token at a position of its own, and sees no other token. */
function tokenPlaces(graph: GraphBuilder, positions: Value, length: number): Places {
  return madeOnce({
    mask() {
      throw new RangeError("a row of a table sees no other row");
    },
    rotation(rotary) {
      const all = Array.from({ length }, (_, position) => position);
      const { cos, sin } = rotationTables(rotary, all);
      const rows = (values: Float32Array<ArrayBuffer>) =>
        graph.gather(graph.floats([length, 1, rotary.frequencies.length], values), positions);
      return { cos: rows(cos), sin: rows(sin) };
    },
    isFirst: () => areFirst(graph, graph.unsqueeze(positions, [1])),
  });
}
