/**
 * The model cut into pieces that a search runs again and again, each a graph of its own, so that weights
 * cross into the runtime once. Between the pieces goes the residual stream, [batch, sequence, d]; where
 * nothing above reads any position but the last, sequence is 1. What is constant (b_O, b_2, replacements)
 * is not in these graphs: it comes in as `constant` with the next piece that reads.
 */
import type { Graph, Value } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import { centeredRows, reshaped } from "../transformer/derive.ts";
import type { Attention, Block, Mlp, Transformer } from "../transformer/transformer.ts";
import { attend, type Queries, writeHeads } from "./attention.ts";
import { applyMlp } from "./mlp.ts";
import { joinConstant, normalize } from "./norm.ts";

/** Constants are one row for all positions, or one row for each. */
export type ConstantRows = "one" | "each";

const residual = (graph: GraphBuilder, width: number, name = "x"): Value =>
  graph.input(name, "float32", ["batch", "sequence", width]);

/**
 * A whole original layer with a gate on every component: the forward passes over patching and validation
 * prompts, and the patched model that a standalone one is verified against.
 * Inputs: x; mask [sequence, sequence]; headGates [heads, 1], mlpGate [1] (1 keeps, 0 removes);
 * attentionConstant and mlpConstant, joined after the part (replacements; b_O and b_2 too).
 * Outputs: z [batch, sequence, heads × headWidth] before the gates; mlp, what the MLP writes without b_2,
 * before its gate; y, the residual stream after the layer.
 */
export function gatedLayer(block: Required<Block>, width: number, rows: ConstantRows): Graph {
  const graph = new GraphBuilder("gated layer");
  const { attention, mlp } = block;
  if (attention === undefined || mlp === undefined) throw new TypeError("an original layer has both parts");
  const constantShape = [rows === "one" ? 1 : "sequence", width];
  const x = residual(graph, width);
  const mask = graph.input("mask", "float32", ["sequence", "sequence"]);
  const headGates = graph.input("headGates", "float32", [attention.heads.length, 1]);
  const mlpGate = graph.input("mlpGate", "float32", [1]);
  const attentionConstant = graph.input("attentionConstant", "float32", constantShape);
  const mlpConstant = graph.input("mlpConstant", "float32", constantShape);

  const z = attend(graph, normalize(graph, x, attention.norm), attention, "all", mask);
  const { heads, headWidth } = attention;
  const gated = graph.mul(graph.reshape(z, [0, 0, heads.length, headWidth]), headGates);
  const written = writeHeads(graph, graph.reshape(gated, [0, 0, heads.length * headWidth]), attention);
  const middle = graph.add(graph.add(x, written), attentionConstant);
  const delta = applyMlp(graph, normalize(graph, middle, mlp.norm), mlp, "onnxruntime");
  graph.output("z", z);
  graph.output("mlp", delta);
  graph.output("y", graph.add(graph.add(middle, graph.mul(delta, mlpGate)), mlpConstant));
  return graph.build();
}

/**
 * The attention of the layer on trial, run once for the layer. Input x, mask.
 * Outputs: z [batch, sequence or 1, heads × headWidth]; sum, x (at the same positions) + all heads' writes.
 */
export function trialAttention(attention: Attention, width: number, queries: Queries): Graph {
  const graph = new GraphBuilder("attention on trial");
  const x = residual(graph, width);
  const mask = queries === "all" ? graph.input("mask", "float32", ["sequence", "sequence"]) : undefined;
  const z = attend(graph, normalize(graph, x, attention.norm), attention, queries, mask);
  graph.output("z", z);
  graph.output("sum", graph.add(atQueries(graph, x, queries), writeHeads(graph, z, attention)));
  return graph.build();
}

/** Takes one head's write z_h·W_O^h out of `base`. Inputs: base, z, head (a scalar index into the layer's heads). */
export function removeHead(attention: Attention, width: number): Graph {
  const graph = new GraphBuilder("head on trial");
  const { heads, headWidth } = attention;
  const base = residual(graph, width, "base");
  const z = graph.input("z", "float32", ["batch", "sequence", heads.length * headWidth]);
  const head = graph.input("head", "int64", []);
  const own = graph.gather(graph.reshape(z, [0, 0, heads.length, headWidth]), head, 2);
  const output = graph.weight(reshaped(attention.output.weight, [heads.length, headWidth, width]));
  graph.output("y", graph.sub(base, graph.matMul(own, graph.gather(output, head))));
  return graph.build();
}

/**
 * Several choices of one layer's heads at once, stacked along the batch: what `removeHead` does again and again, and
 * the constants joined, so that everything above runs once for all of them. Inputs: base [batch, sequence, d]; z;
 * gone [choices, 1, 1, heads × headWidth], 1 where a head is out; constants [choices, 1, rows, d].
 * Output y [choices × batch, sequence, d], choice by choice.
 */
export function removeHeadSets(attention: Attention, width: number, rows: ConstantRows): Graph {
  const graph = new GraphBuilder("head sets on trial");
  const { heads, headWidth } = attention;
  const base = residual(graph, width, "base");
  const z = graph.input("z", "float32", ["batch", "sequence", heads.length * headWidth]);
  const gone = graph.input("gone", "float32", ["choices", 1, 1, heads.length * headWidth]);
  const constants = graph.input("constants", "float32", [
    "choices",
    1,
    rows === "one" ? 1 : "sequence",
    width,
  ]);
  const written = graph.matMul(graph.mul(z, gone), graph.weight(attention.output.weight));
  const stacked = graph.add(graph.sub(base, written), constants);
  const sequence = graph.slice(graph.shapeOf(base), 0, 1, 2, 1);
  const shape = graph.concat([graph.integers([1], [-1]), sequence, graph.integers([1], [width])], 0, 3);
  graph.output("y", graph.reshapeTo(stacked, shape, ["choices × batch", "sequence", width]));
  return graph.build();
}

/** A kept reader: a layer's heads, with the positions at which they ask (only the topmost at the last alone), or its MLP. */
export type KeptPart =
  | { readonly kind: "heads"; readonly attention: Attention; readonly queries: Queries }
  | { readonly kind: "mlp"; readonly mlp: Mlp };

/** Whether a stage of these parts needs the causal mask. */
export function needsMask(parts: readonly KeptPart[]): boolean {
  return parts.some((part) => part.kind === "heads" && part.queries === "all");
}

/**
 * Kept parts, lowest first: for each, + constant, then + what it writes (an MLP without b_2).
 * Inputs x; constant.0, constant.1, …; mask, if any asks at all positions.
 */
export function keptParts(parts: readonly KeptPart[], width: number, rows: ConstantRows): Graph {
  const graph = new GraphBuilder("kept parts");
  let x = residual(graph, width);
  const mask = needsMask(parts) ? graph.input("mask", "float32", ["sequence", "sequence"]) : undefined;
  for (const [index, part] of parts.entries()) {
    const atLast = parts.slice(0, index).some((below) => below.kind === "heads" && below.queries === "last");
    const constant = graph.input(`constant.${index}`, "float32", [
      rows === "one" || atLast ? 1 : "sequence",
      width,
    ]);
    x = joinConstant(graph, x, constant);
    if (part.kind === "mlp") {
      x = graph.add(x, applyMlp(graph, normalize(graph, x, part.mlp.norm), part.mlp, "onnxruntime"));
    } else {
      const z = attend(graph, normalize(graph, x, part.attention.norm), part.attention, part.queries, mask);
      x = graph.add(atQueries(graph, x, part.queries), writeHeads(graph, z, part.attention));
    }
  }
  graph.output("y", x);
  return graph.build();
}

/**
 * What candidates are scored against, from the original model's residual stream at the answer positions. With
 * P the original's distribution, Q a candidate's, x̂ its normalised residual stream and U the unembedding,
 * the cross entropy H(P, Q) = log Σ exp(x̂ Uᵀ) − x̂·(P U) is linear in P U: P itself need not be kept.
 * Input x [batch, d]. Outputs: target P U [batch, d]; prediction, the most likely token [batch] int64.
 */
export function scoreReference(model: Transformer): Graph {
  const graph = new GraphBuilder("score reference");
  const x = graph.input("x", "float32", ["batch", model.width]);
  const unembedding = graph.weight(centeredRows(model.unembedding));
  const logits = graph.matMulTransposed(normalize(graph, x, model.finalNorm), unembedding);
  graph.output("target", graph.matMul(graph.softmax(logits), unembedding));
  graph.output("prediction", graph.argMax(logits, 1));
  return graph.build();
}

/**
 * H(P, Q) in nats, one number a prompt; KL(P‖Q) = H(P, Q) − H(P, P). Inputs: x [batch, d], constant [1, d],
 * target [batch, d]. Output crossEntropy [batch].
 */
export function score(model: Transformer): Graph {
  const graph = new GraphBuilder("score");
  const x = graph.input("x", "float32", ["batch", model.width]);
  const constant = graph.input("constant", "float32", [1, model.width]);
  const target = graph.input("target", "float32", ["batch", model.width]);
  const normed = normalize(graph, joinConstant(graph, x, constant), model.finalNorm);
  const logits = graph.matMulTransposed(normed, graph.weight(centeredRows(model.unembedding)));
  // log Σ exp = logit − log softmax, at any one token: the runtime's log-softmax is its fastest way there.
  const logit = graph.slice(logits, 1, 0, 1, 1);
  const normalizer = graph.sub(logit, graph.slice(graph.logSoftmax(logits), 1, 0, 1, 1));
  const linear = graph.reduceSum(graph.mul(normed, target), [1], true);
  graph.output("crossEntropy", graph.reduceSum(graph.sub(normalizer, linear), [1], false));
  return graph.build();
}

/** The original's own end: input x [batch, d], output logits [batch, vocabulary]. */
export function unembed(model: Transformer): Graph {
  const graph = new GraphBuilder("unembedding");
  const x = graph.input("x", "float32", ["batch", model.width]);
  const normed = normalize(graph, x, model.finalNorm);
  graph.output("logits", graph.matMulTransposed(normed, graph.weight(model.unembedding)));
  return graph.build();
}

function atQueries(graph: GraphBuilder, x: Value, queries: Queries): Value {
  return queries === "last" ? graph.slice(x, 1, -1, Number.MAX_SAFE_INTEGER, 1) : x;
}
