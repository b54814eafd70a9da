/**
 * A standalone model that shows its inside: the attention pattern of every head at every position, and what
 * each component adds to the residual stream at the last one. Slower than the model that is shipped, and the
 * same function: what is added up here is, term by term, what the final norm reads there.
 */
import type { Dimension, Graph, Value } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import { reshaped } from "../transformer/derive.ts";
import type { Attention, Norm, Transformer } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
import { mergeHeads, project, splitHeads, writeHeads } from "./attention.ts";
import { lastAttention } from "./fit-length.ts";
import { foldConstants } from "./fold-constants.ts";
import { applyMlp } from "./mlp.ts";
import { joinConstant, normalize } from "./norm.ts";

/**
 * Inputs: input_ids int64 [batch, sequence]; positions int64 [sequence], rows of the position table;
 * mask float32 [sequence, sequence].
 * Outputs, d wide and at the last position: embedding [batch, d], constants [1, d] (positions included),
 * heads.L [batch, heads here, d] and mlp.L [batch, d] for layers L that have them, final [batch, d], their
 * sum; and pattern.L [batch, heads here, sequence, sequence]. Rows are queries.
 *
 * A model without attention wants the last token alone, as `lowerAligned` ships it.
 * @param length of every prompt, where constants differ by position; else any length is taken.
 */
export function lowerObserved(model: Transformer, length: number | undefined): Graph {
  const folded = foldConstants(model);
  const graph = new GraphBuilder("observed");
  const top = lastAttention(folded);
  const sequence: Dimension = length ?? "sequence";
  const ids = graph.input("input_ids", "int64", ["batch", sequence]);
  const positions = graph.input("positions", "int64", [sequence]);
  const mask = top < 0 ? undefined : graph.input("mask", "float32", [sequence, sequence]);

  const tokens = graph.gather(graph.weight(folded.tokenEmbedding), ids);
  const places = graph.gather(graph.weight(folded.positionEmbedding), positions);
  graph.output("embedding", lastRow(graph, tokens, folded.width));
  let constants = graph.slice(places, 0, -1, Number.MAX_SAFE_INTEGER, 1);
  let x = graph.add(tokens, places);
  let atLast = top < 0;
  if (atLast) x = lastPosition(graph, x);
  const join = (norm: Norm): Value => {
    if (norm.residualBias === undefined) return x;
    const constant = graph.weight(norm.residualBias);
    const last = lastOf(graph, constant, norm.residualBias);
    constants = graph.add(constants, last);
    return joinConstant(graph, x, atLast ? last : constant);
  };
  for (const [layer, { attention, mlp }] of folded.blocks.entries()) {
    if (attention !== undefined && mask !== undefined) {
      x = join(attention.norm);
      const { pattern, z } = look(graph, normalize(graph, x, attention.norm), attention, mask);
      graph.output(`pattern.${layer}`, pattern);
      graph.output(`heads.${layer}`, writesOfHeads(graph, z, attention, folded.width));
      x = graph.add(x, writeHeads(graph, mergeHeads(graph, z, attention), attention));
      // Nothing above reads any other position.
      if (layer === top) {
        x = lastPosition(graph, x);
        atLast = true;
      }
    }
    if (mlp !== undefined) {
      x = join(mlp.norm);
      const delta = applyMlp(graph, normalize(graph, x, mlp.norm), mlp, "portable");
      graph.output(`mlp.${layer}`, lastRow(graph, delta, folded.width));
      x = graph.add(x, delta);
    }
  }
  x = join(folded.finalNorm);
  graph.output("constants", constants);
  graph.output("final", graph.reshape(x, [0, folded.width]));
  return graph.build();
}

/** @returns pattern [batch, heads, sequence, sequence] and z [batch, heads, sequence, headWidth]. */
function look(
  graph: GraphBuilder,
  normed: Value,
  attention: Attention,
  mask: Value,
): { readonly pattern: Value; readonly z: Value } {
  const { query, key, value } = project(graph, normed, attention, "all");
  const scores = graph.matMul(
    splitHeads(graph, query, attention, [0, 2, 1, 3]),
    splitHeads(graph, key, attention, [0, 2, 3, 1]),
  );
  const pattern = graph.softmax(graph.add(scores, mask));
  return { pattern, z: graph.matMul(pattern, splitHeads(graph, value, attention, [0, 2, 1, 3])) };
}

/** z_h·W_O^h at the last position, [batch, heads, d]. */
function writesOfHeads(graph: GraphBuilder, z: Value, attention: Attention, width: number): Value {
  const { heads, headWidth, output } = attention;
  const last = graph.slice(z, 2, -1, Number.MAX_SAFE_INTEGER, 1);
  const matrices = graph.weight(reshaped(output.weight, [heads.length, headWidth, width]));
  return graph.reshape(graph.matMul(last, matrices), [0, 0, width]);
}

/** [batch, sequence, d] → [batch, 1, d]. */
function lastPosition(graph: GraphBuilder, x: Value): Value {
  return graph.slice(x, 1, -1, Number.MAX_SAFE_INTEGER, 1);
}

/** [batch, sequence, d] → [batch, d]. */
function lastRow(graph: GraphBuilder, x: Value, width: number): Value {
  return graph.reshape(lastPosition(graph, x), [0, width]);
}

/** A constant [d] or [positions, d] as it stands at the last position, [1, d]. */
function lastOf(graph: GraphBuilder, constant: Value, { shape }: Weight): Value {
  return shape.length === 1
    ? graph.unsqueeze(constant, [0])
    : graph.slice(constant, 0, -1, Number.MAX_SAFE_INTEGER, 1);
}
