/** A standalone model as what is shipped of it: a graph of standard operators, and its weights in the graph's order. */
import { lowerAligned } from "../lowering/aligned.ts";
import { lowerDecoder } from "../lowering/decoder.ts";
import { fitLength } from "../lowering/fit-length.ts";
import { foldConstants } from "../lowering/fold-constants.ts";
import type { Graph } from "../onnx/graph.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
import type { Profile } from "./config-json.ts";
import { nameWeights } from "./name-weights.ts";

export interface ShippedModel {
  readonly graph: Graph;
  /** Under the names by which the graph calls them. */
  readonly weights: readonly Weight[];
  /** The model with exactly these weights: count parameters on this one. */
  readonly shipped: Transformer;
}

export function shipModel(model: Transformer, profile: Profile): ShippedModel {
  // Folded first, so that constants are named for where they are read.
  const named = nameWeights(foldConstants(model));
  const graph =
    profile.kind === "aligned"
      ? lowerAligned(named, profile.length, "portable")
      : lowerDecoder(named, "portable");
  const weights = graph.weights.map(({ value, weight }) => ({
    name: value.name,
    shape: weight.shape,
    read: () => weight.read(),
  }));
  return { graph, weights, shipped: shippedTransformer(model, profile) };
}

/** The model whose parameters are those of the shipped file, one by one. */
export function shippedTransformer(model: Transformer, profile: Profile): Transformer {
  return profile.kind === "aligned" ? fitLength(model, profile.length) : foldConstants(model);
}
