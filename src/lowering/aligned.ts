/**
 * A whole model in the aligned profile: the input is prompts of one length, the output is logits after the last
 * token, and there is no cache. Only positions that are still read later are computed: the queries of the highest
 * attention are at the last position only, and everything above it, or all of a model without attention, is
 * computed at one position.
 */
import type { Graph } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import type { FoldedTransformer } from "../transformer/transformer.ts";
import { embed } from "./embed.ts";
import { fitLength } from "./fit-length.ts";
import { askingParts, partsOf } from "./kept-part.ts";
import { lastPosition } from "./last-position.ts";
import type { OperatorSet } from "./operator-set.ts";
import { fixedPlaces } from "./places.ts";
import { joinFinal, unembed } from "./unembed.ts";
import { foldedConstants, walkParts } from "./walk-parts.ts";

/**
 * Input: input_ids int64 [batch, length]. Output: logits [batch, vocabulary], for the token after the prompt.
 * @throws RangeError when the model accepts no prompts of that length.
 */
export function lowerAligned(model: FoldedTransformer, length: number, operators: OperatorSet): Graph {
  const fitted = fitLength(model, length);
  const graph = new GraphBuilder("aligned");
  const parts = partsOf(fitted);
  const ids = graph.input("input_ids", "int64", ["batch", length]);
  const readsOthers = askingParts(parts).length > 0;
  const places = fixedPlaces(graph, length, fitted.firstPosition);
  const embedded = embed(graph, fitted, readsOthers ? ids : lastPosition(graph, ids), (table) =>
    graph.weight(table),
  );
  const x = walkParts(graph, embedded, parts, {
    ...{ places, operators },
    constant: foldedConstants(graph, places),
  });
  const last = joinFinal(graph, graph.reshape(x, [0, fitted.width]), fitted);
  graph.output("logits", unembed(graph, last, fitted, operators));
  return graph.build();
}
