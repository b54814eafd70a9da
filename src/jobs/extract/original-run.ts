/**
 * How the original is run when a circuit is measured. Its answers are always computed layer by layer. Its time
 * for a prompt is measured with one graph of the whole model, as an engine would run it. Loading that graph takes
 * several times the weights' size, so a model that is too large for it is not timed.
 */
import { countParameters } from "../../measure/parameters.ts";
import type { Transformer } from "../../transformer/transformer.ts";

/** Models with more bytes of float32 weights are not loaded as one graph. */
const largestGraph = 2 ** 30;

/** Bytes of the model's weights in float32. */
export function float32Bytes(model: Transformer): number {
  return 4 * countParameters(model).total;
}

/** Whether the original is timed. */
export function fitsOneGraph(model: Transformer): boolean {
  return float32Bytes(model) <= largestGraph;
}
