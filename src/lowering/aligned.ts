/**
 * A whole model as the aligned profile: prompts of one length in, logits after the last token out, no cache.
 * Only positions that something still reads are computed: the highest attention asks at the last position
 * alone, and all above it, as all of a model without attention, is one position.
 */
import type { Graph } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { fitLength } from "./fit-length.ts";
import { normalize } from "./norm.ts";
import { applyParts, causalMask, lastPosition, partsOf, withConstant } from "./parts.ts";
import { needsMask } from "./stages.ts";
import type { Target } from "./target.ts";

/**
 * Input: input_ids int64 [batch, length]. Output: logits [batch, vocabulary], for the token after the prompt.
 * An original model is welcome as well. @throws RangeError when the model takes no prompts of that length.
 */
export function lowerAligned(model: Transformer, length: number, target: Target): Graph {
  const fitted = fitLength(model, length);
  const graph = new GraphBuilder("aligned");
  const parts = partsOf(fitted);
  const ids = graph.input("input_ids", "int64", ["batch", length]);
  const readsOthers = parts.some(({ kind }) => kind === "heads");
  const tokens = graph.gather(
    graph.weight(fitted.tokenEmbedding),
    readsOthers ? ids : lastPosition(graph, ids),
  );
  const mask = needsMask(parts) ? causalMask(graph, length) : undefined;
  const embedded = graph.add(tokens, graph.weight(fitted.positionEmbedding));
  const x = graph.reshape(applyParts(graph, embedded, parts, mask, target), [0, fitted.width]);
  const normed = normalize(graph, withConstant(graph, x, fitted.finalNorm), fitted.finalNorm);
  graph.output("logits", graph.matMulTransposed(normed, graph.weight(fitted.unembedding)));
  return graph.build();
}
