/**
 * A standalone model with its inner values as outputs: the attention pattern of every head at every position, and
 * the contribution of each component to the residual stream at the last one. It is slower than the shipped model
 * and computes the same function: the contributions add up to exactly what the final norm reads there.
 */
import type { Dimension, Graph, Value } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import { reshaped } from "../transformer/derive.ts";
import { inOut } from "../transformer/linear.ts";
import type { Attention, FoldedTransformer } from "../transformer/transformer.ts";
import { valueWidthOf } from "../transformer/value-width.ts";
import type { Weight } from "../transformer/weight.ts";
import { look, mergeHeads, project } from "./attention.ts";
import { embedTokens } from "./embed.ts";
import { lastAttention } from "./fit-length.ts";
import { joinedConstant } from "./joined-constant.ts";
import { type PlacedPart, partsOf, residualBiasOf } from "./kept-part.ts";
import { lastPosition } from "./last-position.ts";
import { inputPlaces } from "./places.ts";
import { walkParts } from "./walk-parts.ts";

const operators = "portable";

/**
 * Inputs: input_ids int64 [batch, sequence]; positions int64 [sequence], rows of the position table, if the model
 * has one; the inputs of `placeFeeds`. Outputs, d wide and at the last position: embedding [batch, d], constants
 * [1, d] (positions included), heads.L [batch, heads here, d] and mlp.L [batch, d] for layers L that have them,
 * final [batch, d], their sum; and pattern.L [batch, heads here, sequence, sequence]. Rows are queries.
 *
 * A model without attention gets only the last token, as with `lowerAligned`; but all tokens if its constants treat
 * the first position apart.
 * @param length of every prompt, if constants have a row for each position; else any length is accepted.
 */
export function lowerObserved(model: FoldedTransformer, length: number | undefined): Graph {
  const graph = new GraphBuilder("observed");
  const top = lastAttention(model);
  const sequence: Dimension = length ?? "sequence";
  const ids = graph.input("input_ids", "int64", ["batch", sequence]);
  // Patterns are shown whole, so the topmost heads have queries at all positions too.
  const parts = partsOf(model).map(
    (part): PlacedPart => (part.kind === "mlp" ? part : { ...part, queries: "all" }),
  );
  const attentions = model.blocks.flatMap(({ attention }) => attention ?? []);
  const places = inputPlaces(graph, attentions, sequence, model.firstPosition && ids);

  const tokens = embedTokens(graph, model, ids);
  graph.output("embedding", lastRow(graph, tokens, model.width));
  const start = withPositions(graph, model, tokens, sequence);
  let { constants } = start;
  let atLast = top < 0;
  const join = (bias: Weight | undefined): Value | undefined => {
    if (bias === undefined) return undefined;
    const constant = joinedConstant(graph, bias, places);
    const last = lastOf(graph, constant);
    constants = graph.add(constants, last);
    return atLast ? last : constant;
  };
  const x = walkParts(graph, atLast ? lastPosition(graph, start.x) : start.x, parts, {
    ...{ places, operators },
    constant: (part) => join(residualBiasOf(part)),
    inner(bias) {
      const constant = joinedConstant(graph, bias, places);
      return atLast ? lastOf(graph, constant) : constant;
    },
    attend(normed, { attention }, index) {
      const { layer = 0 } = parts[index] ?? {};
      const projections = project(graph, normed, attention, "all", { places, operators });
      const { pattern, z } = look(graph, projections, attention, "all", places);
      graph.output(`pattern.${layer}`, pattern);
      graph.output(`heads.${layer}`, writesOfHeads(graph, z, attention, model.width));
      return mergeHeads(graph, z, attention);
    },
    wrote(delta, from, index) {
      if (from === "mlp") graph.output(`mlp.${parts[index]?.layer ?? 0}`, lastRow(graph, delta, model.width));
      return delta;
    },
    after(stream, index) {
      // Nothing above reads any other position.
      if (parts[index]?.layer !== top || atLast) return stream;
      atLast = true;
      return lastPosition(graph, stream);
    },
  });
  const constant = join(model.finalBias);
  graph.output("constants", constants);
  graph.output("final", graph.reshape(constant === undefined ? x : graph.add(x, constant), [0, model.width]));
  return graph.build();
}

/**
 * The stream before the first part, and the part of it that is the same for all prompts at the last position, [1,
 * d].
 */
function withPositions(
  graph: GraphBuilder,
  { positions, width }: FoldedTransformer,
  tokens: Value,
  sequence: Dimension,
): { readonly x: Value; readonly constants: Value } {
  switch (positions.kind) {
    case "none":
      return { x: tokens, constants: graph.floats([1, width], new Float32Array(width)) };
    case "learned": {
      const rows = graph.input("positions", "int64", [sequence]);
      const places = graph.gather(graph.weight(positions.table), rows);
      return { x: graph.add(tokens, places), constants: lastPosition(graph, places, 0) };
    }
  }
}

/** z_h·W_O^h at the last position, [batch, heads, d]. */
function writesOfHeads(graph: GraphBuilder, z: Value, attention: Attention, width: number): Value {
  const { heads, output } = attention;
  const last = lastPosition(graph, z, 2);
  const matrices = graph.weight(reshaped(inOut(output), [heads.length, valueWidthOf(attention), width]));
  return graph.reshape(graph.matMul(last, matrices), [0, 0, width]);
}

/** [batch, sequence, d] → [batch, d]. */
function lastRow(graph: GraphBuilder, x: Value, width: number): Value {
  return graph.reshape(lastPosition(graph, x), [0, width]);
}

/** The row of a constant [d] or [positions, d] for the last position, [1, d]. */
function lastOf(graph: GraphBuilder, constant: Value): Value {
  return constant.shape.length === 1 ? graph.unsqueeze(constant, [0]) : lastPosition(graph, constant, 0);
}
