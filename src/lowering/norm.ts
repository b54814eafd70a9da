/** The norm through which a part reads the residual stream; it normalises the last axis. */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Norm } from "../transformer/transformer.ts";
import type { StageOperators } from "./operator-set.ts";

/** @returns x itself if there is no norm. */
export function normalize(
  graph: GraphBuilder,
  x: Value,
  norm: Norm | undefined,
  operators: StageOperators,
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
  operators: StageOperators,
): Value {
  switch (kind) {
    case "layer": {
      if (operators !== "held") return graph.layerNormalization(x, scale, shift, epsilon);
      const centred = graph.sub(x, graph.reduceMean(x, [-1], true));
      const normed = graph.mul(
        graph.div(centred, graph.hold(rootMeanSquare(graph, centred, epsilon))),
        scale,
      );
      return shift === undefined ? normed : graph.add(normed, shift);
    }
    case "rms": {
      if (operators === "onnxruntime") return graph.simplifiedLayerNormalization(x, scale, epsilon);
      const root = rootMeanSquare(graph, x, epsilon);
      return graph.mul(graph.div(x, operators === "held" ? graph.hold(root) : root), scale);
    }
  }
}

/** √(mean(x²) + ε). */
function rootMeanSquare(graph: GraphBuilder, x: Value, epsilon: number): Value {
  const meanSquare = graph.reduceMean(graph.mul(x, x), [-1], true);
  return graph.sqrt(graph.add(meanSquare, graph.floats([], [epsilon])));
}
