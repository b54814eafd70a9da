/** The norm through which a part reads the residual stream; it normalises the last axis. */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Norm } from "../transformer/transformer.ts";
import type { OperatorSet } from "./operator-set.ts";

/** @returns x itself if there is no norm. */
export function normalize(
  graph: GraphBuilder,
  x: Value,
  norm: Norm | undefined,
  operators: OperatorSet,
): Value {
  if (norm === undefined) return x;
  const scale = graph.weight(norm.scale);
  const shift = norm.kind === "layer" && norm.shift ? graph.weight(norm.shift) : undefined;
  return normalizeBy(graph, x, norm, { scale, shift }, operators);
}

/** By a scale and a shift that are in the graph already; RMSNorm has no shift. */
export function normalizeBy(
  graph: GraphBuilder,
  x: Value,
  { kind, epsilon }: Pick<Norm, "kind" | "epsilon">,
  { scale, shift }: { readonly scale: Value; readonly shift?: Value | undefined },
  operators: OperatorSet,
): Value {
  switch (kind) {
    case "layer":
      return graph.layerNormalization(x, scale, shift, epsilon);
    case "rms": {
      if (operators === "onnxruntime") return graph.simplifiedLayerNormalization(x, scale, epsilon);
      const meanSquare = graph.reduceMean(graph.mul(x, x), [-1], true);
      const root = graph.sqrt(graph.add(meanSquare, graph.floats([], [epsilon])));
      return graph.mul(graph.div(x, root), scale);
    }
  }
}
