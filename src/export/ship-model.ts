/** Makes the files of a standalone model that are shipped. */

import { lowerAligned } from "../lowering/aligned.ts";
import { type CacheShape, withCaches } from "../lowering/cache-heads.ts";
import { lowerDecoder } from "../lowering/decoder.ts";
import { fitLength } from "../lowering/fit-length.ts";
import { asFolded } from "../lowering/fold-constants.ts";
import type { OperatorSet } from "../lowering/operator-set.ts";
import type { ShippedGraph } from "../measure/shipped-logits.ts";
import type { Graph } from "../onnx/graph.ts";
import type { AnyTransformer, FoldedTransformer } from "../transformer/transformer.ts";
import { valueWidthOf } from "../transformer/value-width.ts";
import type { Profile } from "./config-json.ts";
import { nameWeights } from "./name-weights.ts";
import { type StructureRecord, structureOf } from "./structure-record.ts";

export interface ShippedModel {
  readonly graph: Graph;
  /** The model with exactly the shipped weights: parameters are counted on this one. */
  readonly shipped: FoldedTransformer;
  /** How the file's weights form the model. */
  readonly structure: StructureRecord;
}

/** @param target which operators the graph may use. */
export function shipModel(
  model: AnyTransformer,
  profile: Profile,
  operators: OperatorSet = "portable",
): ShippedModel {
  // Folded first, so that constants are named for the place where they are read.
  const named = nameWeights(asFolded(model));
  const graph =
    profile.kind === "aligned"
      ? lowerAligned(named, profile.length, operators)
      : withCaches(lowerDecoder(named, operators), cachesOf(named, profile));
  return {
    graph,
    shipped: shippedTransformer(model, profile),
    structure: structureOf(shippedTransformer(named, profile), graph, operators === "onnxruntime"),
  };
}

/** The model whose parameters are those of the shipped file, one by one. */
export function shippedTransformer(model: AnyTransformer, profile: Profile): FoldedTransformer {
  const shipped = asFolded(model);
  return profile.kind === "aligned" ? fitLength(shipped, profile.length) : shipped;
}

function cachesOf({ width }: AnyTransformer, profile: Profile): CacheShape | undefined {
  if (profile.kind !== "decoder" || profile.cacheHeads === undefined) return undefined;
  const { cacheHeads: heads, headWidth = width / heads } = profile;
  return { heads, headWidth };
}

/** The facts about the graph of a standalone model, or of an original, that are needed to run it. */
export function describeGraph(model: AnyTransformer, profile: Profile): ShippedGraph {
  const attentions = model.blocks.flatMap(({ attention }) => attention ?? []);
  return {
    profile,
    cacheHeads: attentions.map(({ keyValueHeads }) => keyValueHeads.length),
    headWidth: cachesOf(model, profile)?.headWidth ?? attentions[0]?.headWidth ?? 0,
    valueWidths: attentions.map(valueWidthOf),
    vocabulary: model.vocabularySize,
  };
}
