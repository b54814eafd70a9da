/**
 * Visits the parts of a model in the order in which they use the residual stream: a constant is added, the part
 * reads the stream through its norm, and its output is added, through a norm of its own if it has one. From a
 * part on whose heads have queries at the last position only, the stream has that position only. Profiles and
 * stages are hooks on this walk.
 */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Attention, Mlp } from "../transformer/transformer.ts";
import { type AttentionSetting, attend, writeHeads } from "./attention.ts";
import { joinedConstant } from "./joined-constant.ts";
import { type AskingPart, type KeptPart, residualBiasOf } from "./kept-part.ts";
import { lastPosition } from "./last-position.ts";
import { applyMlp } from "./mlp.ts";
import { normalize } from "./norm.ts";

export interface WalkHooks extends AttentionSetting {
  /** The constant that is added before the part reads; left out, or undefined: none. @param index of the part. */
  readonly constant?: (part: KeptPart, index: number) => Value | undefined;
  /** The heads' values before W_O, [batch, positions, heads × headWidth]; left out: `attend`. */
  readonly attend?: (normed: Value, part: AskingPart, index: number) => Value;
  /** The constant that is added to the heads' output before the norm after them; left out: b_O. */
  readonly inside?: (part: AskingPart, index: number) => Value;
  /** Gets a part's output. @returns the value to add to the stream; left out: the same. */
  readonly wrote?: (delta: Value, from: "heads" | "mlp", index: number) => Value;
  /** Gets the stream after the part. @returns the stream to continue with; left out: the same. */
  readonly after?: (x: Value, index: number) => Value;
}

/** A hook that gives the constants of a folded model. */
export function foldedConstants(
  graph: GraphBuilder,
  places: WalkHooks["places"],
): (part: KeptPart) => Value | undefined {
  return (part) => {
    const bias = residualBiasOf(part);
    return bias && joinedConstant(graph, bias, places);
  };
}

/** @param x [batch, positions, d]. @returns the stream after the last part, before the final constant. */
export function walkParts(
  graph: GraphBuilder,
  x: Value,
  parts: readonly KeptPart[],
  hooks: WalkHooks,
): Value {
  let stream = x;
  for (const [index, part] of parts.entries()) {
    const constant = hooks.constant?.(part, index);
    const joined = constant === undefined ? stream : graph.add(stream, constant);
    const added = applyPart(graph, joined, part, index, hooks);
    stream = hooks.after?.(added, index) ?? added;
  }
  return stream;
}

function applyPart(graph: GraphBuilder, x: Value, part: KeptPart, index: number, hooks: WalkHooks): Value {
  const mlpOf = (stream: Value, mlp: Mlp): Value => {
    const normed = normalize(graph, stream, mlp.norm, hooks.operators);
    const delta = applyMlp(graph, normed, mlp, hooks.operators);
    return hooks.wrote?.(delta, "mlp", index) ?? delta;
  };
  switch (part.kind) {
    case "mlp":
      return graph.add(x, mlpOf(x, part.mlp));
    case "heads":
    case "both": {
      const delta = headsOf(graph, x, part, index, hooks);
      const asking = part.queries === "last" && x.shape[1] !== 1 ? lastPosition(graph, x) : x;
      const withHeads = graph.add(asking, hooks.wrote?.(delta, "heads", index) ?? delta);
      return part.kind === "both" ? graph.add(withHeads, mlpOf(asking, part.mlp)) : withHeads;
    }
  }
}

/**
 * b_O. If it has one row for each position, they match the positions of the stream, whatever name that dimension
 * has.
 */
function biasOf(
  graph: GraphBuilder,
  { output }: Attention,
  written: Value,
  places: WalkHooks["places"],
): Value | undefined {
  if (output.bias === undefined) return undefined;
  const value = joinedConstant(graph, output.bias, places);
  const [rows, width] = value.shape;
  const positions = written.shape.at(-2);
  if (value.shape.length !== 2 || width === undefined || rows === 1 || positions === undefined) return value;
  return { ...value, shape: [positions, width] };
}

/** The sum of a part's heads, through the norm after them if there is one. */
function headsOf(graph: GraphBuilder, x: Value, part: AskingPart, index: number, hooks: WalkHooks): Value {
  const { attention, queries } = part;
  const { operators } = hooks;
  const normed = normalize(graph, x, attention.norm, operators);
  const z = hooks.attend?.(normed, part, index) ?? attend(graph, normed, attention, queries, hooks);
  const written = writeHeads(graph, z, attention, operators);
  if (attention.postNorm === undefined) return written;
  const inside = hooks.inside?.(part, index) ?? biasOf(graph, attention, written, hooks.places);
  return normalize(graph, inside ? graph.add(written, inside) : written, attention.postNorm, operators);
}
