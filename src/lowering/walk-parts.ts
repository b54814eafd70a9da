/**
 * Visits the parts of a model in the order in which they use the residual stream: a constant is added, the part
 * reads the stream through its norm, and its output is added, through a norm of its own if it has one. From a
 * part on whose heads have queries at the last position only, the stream has that position only. Profiles and
 * stages are hooks on this walk.
 */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Attention, Linear, Mlp } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
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
  /** b_O or b_2 before the norm after its part, as it stands at the part's positions; left out: its own rows. */
  readonly inner?: (bias: Weight) => Value;
  /** Gets an MLP's h before W_down, [batch, positions, hidden]. @returns what W_down reads; left out: the same. */
  readonly hidden?: (h: Value, index: number) => Value;
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
    const delta = writeMlp(graph, stream, mlp, hooks, (h) => hooks.hidden?.(h, index) ?? h);
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
 * What an MLP writes to the stream that it reads.
 * @param hidden gets h. @returns what W_down reads.
 */
export function writeMlp(
  graph: GraphBuilder,
  stream: Value,
  mlp: Mlp,
  hooks: Pick<WalkHooks, "places" | "operators" | "inner">,
  hidden?: (h: Value) => Value,
): Value {
  const normed = normalize(graph, stream, mlp.norm, hooks.operators);
  const bias = (written: Value) => biasOf(graph, mlp.down, written, hooks);
  return applyMlp(graph, normed, mlp, hooks.operators, { hidden, bias });
}

/**
 * b_O or b_2. If it has one row for each position, they match the positions of the stream, whatever name that
 * dimension has.
 */
function biasOf(
  graph: GraphBuilder,
  { bias }: Linear,
  written: Value,
  { places, inner }: Pick<WalkHooks, "places" | "inner">,
): Value | undefined {
  if (bias === undefined) return undefined;
  const value = inner?.(bias) ?? joinedConstant(graph, bias, places);
  const [rows, width] = value.shape;
  const positions = written.shape.at(-2);
  if (value.shape.length !== 2 || width === undefined || rows === 1 || positions === undefined) return value;
  return { ...value, shape: [positions, width] };
}

/** The sum of a part's heads, through the norm after them if there is one. */
function headsOf(graph: GraphBuilder, x: Value, part: AskingPart, index: number, hooks: WalkHooks): Value {
  const { attention, queries } = part;
  const normed = normalize(graph, x, attention.norm, hooks.operators);
  const z = hooks.attend?.(normed, part, index) ?? attend(graph, normed, attention, queries, hooks);
  return writeThroughNorm(graph, z, attention, hooks, () => hooks.inside?.(part, index));
}

/**
 * What a layer's heads add to the stream: the sum of their writes, through the norm after them if there is one.
 * @param z the heads' values before W_O. @param inside the constant that is added before that norm; left out, or
 * undefined: b_O.
 */
export function writeThroughNorm(
  graph: GraphBuilder,
  z: Value,
  attention: Pick<Attention, "output" | "postNorm">,
  setting: Pick<WalkHooks, "places" | "operators" | "inner">,
  inside: () => Value | undefined = () => undefined,
): Value {
  const written = writeHeads(graph, z, attention, setting.operators);
  if (attention.postNorm === undefined) return written;
  const constant = inside() ?? biasOf(graph, attention.output, written, setting);
  return normalize(
    graph,
    constant ? graph.add(written, constant) : written,
    attention.postNorm,
    setting.operators,
  );
}
