/** The part of a graph from the residual stream after the last block to the logits. */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import type { AnyTransformer, FoldedTransformer } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
import { cap } from "./attention.ts";
import { joinedConstant } from "./joined-constant.ts";
import { normalize } from "./norm.ts";
import type { OperatorSet } from "./operator-set.ts";
import type { Places } from "./places.ts";

/** x plus the constant before the final norm. @param places left out: x is of the last position alone. */
export function joinFinal(
  graph: GraphBuilder,
  x: Value,
  { finalBias }: Pick<FoldedTransformer, "finalBias">,
  places: Pick<Places, "isFirst"> = {},
): Value {
  return finalBias === undefined ? x : graph.add(x, joinedConstant(graph, finalBias, places));
}

type End = Pick<AnyTransformer, "finalNorm" | "unembedding" | "unembeddingBias" | "logitCap">;

/** @param x [rows, d], constants included. @returns [rows, vocabulary]. */
export function unembed(graph: GraphBuilder, x: Value, model: End, operators: OperatorSet): Value {
  return logitsOf(graph, normalize(graph, x, model.finalNorm, operators), model, model.unembedding);
}

/**
 * @param normed [rows, d], after the final norm.
 * @param unembedding the rows of the scored tokens; `unembeddingBias` has as many.
 */
export function logitsOf(
  graph: GraphBuilder,
  normed: Value,
  { unembeddingBias, logitCap }: Pick<End, "unembeddingBias" | "logitCap">,
  unembedding: Weight,
): Value {
  const product = graph.matMulTransposed(normed, graph.weight(unembedding));
  const logits = unembeddingBias === undefined ? product : graph.add(product, graph.weight(unembeddingBias));
  return cap(graph, logits, logitCap);
}
