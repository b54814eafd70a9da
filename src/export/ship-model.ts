/** A standalone model as what is shipped of it. */
import { lowerAligned } from "../lowering/aligned.ts";
import { lowerDecoder } from "../lowering/decoder.ts";
import { fitLength } from "../lowering/fit-length.ts";
import { foldConstants } from "../lowering/fold-constants.ts";
import type { Target } from "../lowering/target.ts";
import type { Graph } from "../onnx/graph.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { Profile } from "./config-json.ts";
import { nameWeights } from "./name-weights.ts";

export interface ShippedModel {
  readonly graph: Graph;
  /** The model with exactly these weights: count parameters on this one. */
  readonly shipped: Transformer;
}

/** @param target which operators the graph may use. */
export function shipModel(model: Transformer, profile: Profile, target: Target = "portable"): ShippedModel {
  // Folded first, so that constants are named for where they are read.
  const named = nameWeights(foldConstants(model));
  const graph =
    profile.kind === "aligned" ? lowerAligned(named, profile.length, target) : lowerDecoder(named, target);
  return { graph, shipped: shippedTransformer(model, profile) };
}

/** The model whose parameters are those of the shipped file, one by one. */
export function shippedTransformer(model: Transformer, profile: Profile): Transformer {
  return profile.kind === "aligned" ? fitLength(model, profile.length) : foldConstants(model);
}
