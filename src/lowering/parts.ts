/**
 * A fitted model as the readers that are left in it, lowest first, and what each does to the residual stream:
 * a constant joins it, the reader reads it, and adds what it writes.
 */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Norm, Transformer } from "../transformer/transformer.ts";
import { attend, writeHeads } from "./attention.ts";
import { lastAttention } from "./fit-length.ts";
import { maskFrom } from "./mask.ts";
import { applyMlp } from "./mlp.ts";
import { joinConstant, normalize } from "./norm.ts";
import type { KeptPart } from "./stages.ts";
import type { Target } from "./target.ts";

/** Only the topmost heads ask at the last position alone. */
export function partsOf(model: Transformer): readonly KeptPart[] {
  const top = lastAttention(model);
  return model.blocks.flatMap(({ attention, mlp }, layer): readonly KeptPart[] => [
    ...(attention === undefined
      ? []
      : [{ kind: "heads", attention, queries: layer === top ? "last" : "all" } as const]),
    ...(mlp === undefined ? [] : [{ kind: "mlp", mlp } as const]),
  ]);
}

export function normOf(part: KeptPart): Norm {
  return part.kind === "heads" ? part.attention.norm : part.mlp.norm;
}

/** @param x [batch, positions, d]. @returns the stream after the parts: of the last position after the topmost heads. */
export function applyParts(
  graph: GraphBuilder,
  x: Value,
  parts: readonly KeptPart[],
  mask: Value | undefined,
  target: Target,
): Value {
  let stream = x;
  for (const part of parts) {
    stream = withConstant(graph, stream, normOf(part));
    const normed = normalize(graph, stream, normOf(part));
    if (part.kind === "mlp") stream = graph.add(stream, applyMlp(graph, normed, part.mlp, target));
    else stream = addHeads(graph, stream, attend(graph, normed, part.attention, part.queries, mask), part);
  }
  return stream;
}

/** @param x at all positions, or at those that ask. @param z what the heads here read, at those that ask. */
function addHeads(
  graph: GraphBuilder,
  x: Value,
  z: Value,
  { attention, queries }: Extract<KeptPart, { kind: "heads" }>,
): Value {
  const asking = queries === "last" && x.shape[1] !== 1 ? lastPosition(graph, x) : x;
  return graph.add(asking, writeHeads(graph, z, attention));
}

/** x with what joins it before this norm reads. */
export function withConstant(graph: GraphBuilder, x: Value, norm: Norm): Value {
  return joinConstant(graph, x, norm.residualBias && graph.weight(norm.residualBias));
}

/** [batch, length, …] → [batch, 1, …]. */
export function lastPosition(graph: GraphBuilder, x: Value): Value {
  return graph.slice(x, 1, -1, Number.MAX_SAFE_INTEGER, 1);
}

/** [length, length]; made of two short constants, so that the model file does not grow with length². */
export function causalMask(graph: GraphBuilder, length: number): Value {
  const positions = Array.from({ length }, (_, position) => position);
  const keys = graph.integers([1, length], positions);
  const queries = graph.integers([length, 1], positions);
  return maskFrom(graph, graph.lessOrEqual(keys, queries));
}
