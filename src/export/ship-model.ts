/** A standalone model as what is shipped of it. */

import { lowerAligned } from "../lowering/aligned.ts";
import { type CacheShape, withCaches } from "../lowering/cache-heads.ts";
import { lowerDecoder } from "../lowering/decoder.ts";
import { fitLength } from "../lowering/fit-length.ts";
import { foldConstants } from "../lowering/fold-constants.ts";
import type { Target } from "../lowering/target.ts";
import type { ShippedGraph } from "../measure/shipped-logits.ts";
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
    profile.kind === "aligned"
      ? lowerAligned(named, profile.length, target)
      : withCaches(lowerDecoder(named, target), cachesOf(named, profile));
  return { graph, shipped: shippedTransformer(model, profile) };
}

/** The model whose parameters are those of the shipped file, one by one. */
export function shippedTransformer(model: Transformer, profile: Profile): Transformer {
  return profile.kind === "aligned" ? fitLength(model, profile.length) : foldConstants(model);
}

function cachesOf({ width }: Transformer, profile: Profile): CacheShape | undefined {
  const heads = profile.kind === "decoder" ? profile.cacheHeads : undefined;
  return heads === undefined ? undefined : { heads, headWidth: width / heads };
}

/** What must be known of the graph of a standalone model, or of an original, to run it. */
export function describeGraph(model: Transformer, profile: Profile): ShippedGraph {
  const attentions = model.blocks.flatMap(({ attention }) => attention ?? []);
  return {
    profile,
    keptHeads: attentions.map(({ heads }) => heads.length),
    headWidth: cachesOf(model, profile)?.headWidth ?? attentions[0]?.headWidth ?? 0,
    vocabulary: model.vocabularySize,
  };
}
