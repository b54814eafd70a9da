/**
 * A whole model as the aligned profile: prompts of one length in, logits after the last token out, no cache.
 * Only positions that something still reads are computed: the highest attention asks at the last position
 * alone, and all above it, as all of a model without attention, is one position.
 */
import type { Graph, Value } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Norm, Transformer } from "../transformer/transformer.ts";
import { attend, writeHeads } from "./attention.ts";
import { fitLength, lastAttention } from "./fit-length.ts";
import { maskFrom } from "./mask.ts";
import { applyMlp } from "./mlp.ts";
import { joinConstant, normalize } from "./norm.ts";
import type { Target } from "./target.ts";

/**
 * Input: input_ids int64 [batch, length]. Output: logits [batch, vocabulary], for the token after the prompt.
 * An original model is welcome as well. @throws RangeError when the model takes no prompts of that length.
 */
export function lowerAligned(model: Transformer, length: number, target: Target): Graph {
  const fitted = fitLength(model, length);
  const graph = new GraphBuilder("aligned");
  const top = lastAttention(fitted);
  const ids = graph.input("input_ids", "int64", ["batch", length]);
  const mask = top > 0 && length > 1 ? causalMask(graph, length) : undefined;

  const tokens = graph.gather(graph.weight(fitted.tokenEmbedding), top < 0 ? lastPosition(graph, ids) : ids);
  let x = graph.add(tokens, graph.weight(fitted.positionEmbedding));
  for (const [layer, { attention, mlp }] of fitted.blocks.entries()) {
    if (attention !== undefined) {
      x = withConstant(graph, x, attention.norm);
      const queries = layer === top ? "last" : "all";
      const z = attend(graph, normalize(graph, x, attention.norm), attention, queries, mask);
      x = graph.add(queries === "last" ? lastPosition(graph, x) : x, writeHeads(graph, z, attention));
    }
    if (mlp !== undefined) {
      x = withConstant(graph, x, mlp.norm);
      x = graph.add(x, applyMlp(graph, normalize(graph, x, mlp.norm), mlp, target));
    }
  }
  const last = withConstant(graph, graph.reshape(x, [0, fitted.width]), fitted.finalNorm);
  const normed = normalize(graph, last, fitted.finalNorm);
  graph.output("logits", graph.matMulTransposed(normed, graph.weight(fitted.unembedding)));
  return graph.build();
}

function withConstant(graph: GraphBuilder, x: Value, norm: Norm): Value {
  return joinConstant(graph, x, norm.residualBias && graph.weight(norm.residualBias));
}

/** [batch, length, …] → [batch, 1, …]. */
function lastPosition(graph: GraphBuilder, x: Value): Value {
  return graph.slice(x, 1, -1, Number.MAX_SAFE_INTEGER, 1);
}

/** [length, length]; made of two short constants, so that the model file does not grow with length². */
function causalMask(graph: GraphBuilder, length: number): Value {
  const positions = Array.from({ length }, (_, position) => position);
  const keys = graph.integers([1, length], positions);
  const queries = graph.integers([length, 1], positions);
  return maskFrom(graph, graph.lessOrEqual(keys, queries));
}
