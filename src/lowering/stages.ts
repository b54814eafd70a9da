/**
 * The pieces of a model that a search runs again and again. Each is a graph of its own, so that weights are sent
 * to the runtime once. The residual stream, [batch, sequence, d], goes from piece to piece; if nothing above
 * reads any position but the last, sequence is 1. Constants (b_O, b_2, replacements) are not in these graphs:
 * they are the input `constant` of the next piece that reads the stream.
 */
import type { Dimension, Graph, Value } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import { centeredRows, reshaped } from "../transformer/derive.ts";
import { inOut, linearShape } from "../transformer/linear.ts";
import type { PositionRows } from "../transformer/position-rows.ts";
import type { Attention, Block, Mlp, Norm, Transformer } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
import { attend, type Queries, writeHeads } from "./attention.ts";
import { askingParts, type KeptPart, partsOfBlock } from "./kept-part.ts";
import { lastPosition } from "./last-position.ts";
import { normalize } from "./norm.ts";
import { inputPlaces } from "./places.ts";
import { logitsOf, unembed } from "./unembed.ts";
import { walkParts, writeMlp } from "./walk-parts.ts";

/**
 * Constants are one row for all positions, or one row for each. Those that have a row for the first position and one for
 * all others come in as one for each, since a stage serves all lengths.
 */
type ConstantRows = PositionRows["kind"];

/** Stages run in ONNX Runtime alone. */
const operators = "onnxruntime";

const residual = (graph: GraphBuilder, width: number, name = "x"): Value =>
  graph.input(name, "float32", ["batch", "sequence", width]);

interface GatedLayerOptions {
  readonly neurons?: "gated" | "given" | undefined;
  readonly afterHeads?: boolean;
}

/**
 * A whole original layer with a gate on every component: the forward passes over patching and validation prompts,
 * and the patched model that a standalone one is verified against. Inputs: x; headGates [heads, 1], mlpGate [1]
 * (1 keeps, 0 removes); attentionConstant and mlpConstant, added after the part (replacements; b_O and b_2 too);
 * the inputs of `placeFeeds`. Outputs: z [batch, sequence, heads × headWidth] before the gates; mlp, the MLP's
 * output without b_2, before its gate; y, the residual stream after the layer.
 * @param options.neurons "gated": h ← h·neuronGates + neuronConstant, two more inputs, [hidden] and [1 or sequence,
 * hidden]; "given": one more output, hidden, which is h [batch, sequence, hidden]. Left out: neither, since h is wide.
 * @param options.afterHeads one more input, afterHeads [d], is added behind the heads and a norm that follows them.
 */
export function gatedLayer(
  block: Block,
  width: number,
  rows: ConstantRows,
  { neurons, afterHeads = false }: GatedLayerOptions = {},
): Graph {
  const graph = new GraphBuilder("gated layer");
  const { attention, mlp } = block;
  if (attention === undefined || mlp === undefined) throw new TypeError("an original layer has both parts");
  const constantShape: readonly Dimension[] = [rows === "one" ? 1 : "sequence", width];
  const x = residual(graph, width);
  const places = inputPlaces(graph, [attention]);
  const headGates = graph.input("headGates", "float32", [attention.heads.length, 1]);
  const mlpGate = graph.input("mlpGate", "float32", [1]);
  const attentionConstant = graph.input("attentionConstant", "float32", constantShape);
  const mlpConstant = graph.input("mlpConstant", "float32", constantShape);
  const { heads, headWidth, postNorm } = attention;
  const parts = partsOfBlock(block, "all");
  const y = walkParts(graph, x, parts, {
    ...{ places, operators },
    attend(normed) {
      const z = attend(graph, normed, attention, "all", { places, operators });
      graph.output("z", z);
      const gated = graph.mul(graph.reshape(z, [0, 0, heads.length, headWidth]), headGates);
      return graph.reshape(gated, [0, 0, heads.length * headWidth]);
    },
    inside: () => attentionConstant,
    hidden(h) {
      if (neurons === "given") graph.output("hidden", h);
      if (neurons !== "gated") return h;
      const [, across] = linearShape(mlp.up);
      const constantShape: readonly Dimension[] = [rows === "one" ? 1 : "sequence", across];
      return graph.add(
        graph.mul(h, graph.input("neuronGates", "float32", [across])),
        graph.input("neuronConstant", "float32", constantShape),
      );
    },
    wrote(delta, from) {
      if (from === "heads") return delta;
      graph.output("mlp", delta);
      return graph.mul(delta, mlpGate);
    },
    after(stream, index) {
      const part = parts[index];
      const withAttention =
        part?.kind === "mlp" || postNorm !== undefined ? stream : graph.add(stream, attentionConstant);
      const withAdded =
        afterHeads && part?.kind !== "mlp"
          ? graph.add(withAttention, graph.input("afterHeads", "float32", [width]))
          : withAttention;
      return part?.kind === "heads" ? withAdded : graph.add(withAdded, mlpConstant);
    },
  });
  graph.output("y", y);
  return graph.build();
}

/**
 * The attention of the layer on trial, run once for the layer. Inputs: x; the inputs of `placeFeeds`. Outputs: z
 * [batch, sequence or 1, heads × headWidth]; sum, x (at the same positions) + all heads' writes.
 */
export function trialAttention(attention: Attention, width: number, queries: Queries): Graph {
  const graph = new GraphBuilder("attention on trial");
  const x = residual(graph, width);
  const places = inputPlaces(graph, [attention]);
  const normed = normalize(graph, x, attention.norm, operators);
  const z = attend(graph, normed, attention, queries, { places, operators });
  const asking = queries === "last" ? lastPosition(graph, x) : x;
  graph.output("z", z);
  graph.output("sum", graph.add(asking, writeHeads(graph, z, attention, operators)));
  return graph.build();
}

/**
 * The stream after a layer in which a head's write can't be subtracted from a sum: there is a norm after the
 * heads, or the MLP reads the same stream as they do. Inputs: x [batch, sequence, d] at the positions with
 * queries; z, the output of `trialAttention`; headGates [heads × headWidth] (1 keeps); constant [1 or sequence,
 * d], which is added before the norm after the heads; written, the MLP's output, and mlpGate [1]. If the layer
 * does not need z, constant or written, it is not an input. Output y: x + the kept writes.
 */
export function joinTrial({ attention, mlp, arrangement }: Block, width: number, rows: ConstantRows): Graph {
  const graph = new GraphBuilder("layer joined");
  let y = residual(graph, width);
  if (attention !== undefined) {
    const across = attention.heads.length * attention.headWidth;
    const z = graph.input("z", "float32", ["batch", "sequence", across]);
    const kept = graph.mul(z, graph.input("headGates", "float32", [across]));
    const written = writeHeads(graph, kept, attention, operators);
    y = graph.add(y, attention.postNorm === undefined ? written : behind(attention.postNorm, written));
  }
  if (mlp !== undefined && arrangement === "parallel") {
    const written = graph.input("written", "float32", ["batch", "sequence", width]);
    y = graph.add(y, graph.mul(written, graph.input("mlpGate", "float32", [1])));
  }
  graph.output("y", y);
  return graph.build();

  function behind(norm: Norm, written: Value): Value {
    const constant = graph.input("constant", "float32", [rows === "one" ? 1 : "sequence", width]);
    return normalize(graph, graph.add(written, constant), norm, operators);
  }
}

/** The output of an MLP at the positions with queries. Input x, at all positions; output written. */
export function trialMlp(mlp: Mlp, width: number, queries: Queries, rows: ConstantRows): Graph {
  const graph = new GraphBuilder("MLP on trial");
  const x = residual(graph, width);
  const asking = queries === "last" ? lastPosition(graph, x) : x;
  const places = inputPlaces(graph, [], "sequence", rows === "apart" ? x : undefined);
  graph.output("written", writeMlp(graph, asking, mlp, { places, operators }));
  return graph.build();
}

/**
 * Subtracts one head's write z_h·W_O^h from `base`. Inputs: base, z, head (a scalar index into the layer's
 * heads).
 */
export function removeHead(attention: Attention, width: number): Graph {
  const graph = new GraphBuilder("head on trial");
  const { heads, headWidth } = attention;
  const base = residual(graph, width, "base");
  const z = graph.input("z", "float32", ["batch", "sequence", heads.length * headWidth]);
  const head = graph.input("head", "int64", []);
  const own = graph.gather(graph.reshape(z, [0, 0, heads.length, headWidth]), head, 2);
  const output = graph.weight(reshaped(inOut(attention.output), [heads.length, headWidth, width]));
  graph.output("y", graph.sub(base, graph.matMul(own, graph.gather(output, head))));
  return graph.build();
}

/**
 * Several choices of one layer's heads at once, stacked along the batch: it does several times what `removeHead`
 * does, and adds the constants, so that everything above runs once for all of them. Inputs: base [batch,
 * sequence, d]; z; gone [choices, 1, 1, heads × headWidth], 1 where a head is removed; constants [choices, 1,
 * rows, d]. Output y [choices × batch, sequence, d], choice by choice.
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
  const written = writeHeads(graph, graph.mul(z, gone), attention, operators);
  const stacked = graph.add(graph.sub(base, written), constants);
  const sequence = graph.slice(graph.shapeOf(base), 0, 1, 2, 1);
  const shape = graph.concat([graph.integers([1], [-1]), sequence, graph.integers([1], [width])], 0, 3);
  graph.output("y", graph.reshapeTo(stacked, shape, ["choices × batch", "sequence", width]));
  return graph.build();
}

/** The input of `keptParts` with the constant before a part. */
export const constantName = (part: number): string => `constant.${part}`;

/**
 * Kept parts, lowest first: for each, + constant, then + its output (an MLP's without b_2). Inputs: x;
 * constant.0, constant.1, …; the inputs of `placeFeeds`.
 * @param options.last whether one more constant is added after the last part.
 */
export function keptParts(
  parts: readonly KeptPart[],
  width: number,
  rows: ConstantRows,
  { last = false }: { readonly last?: boolean } = {},
): Graph {
  const graph = new GraphBuilder("kept parts");
  const x = residual(graph, width);
  const attentions = askingParts(parts).map(({ attention }) => attention);
  const places = inputPlaces(graph, attentions, "sequence", rows === "apart" ? x : undefined);
  const y = walkParts(graph, x, parts, {
    ...{ places, operators },
    constant(_, index) {
      const atLast = askingParts(parts.slice(0, index)).some(({ queries }) => queries === "last");
      const shape = [rows === "one" || atLast ? 1 : "sequence", width];
      return graph.input(constantName(index), "float32", shape);
    },
  });
  const after = () =>
    graph.input(constantName(parts.length), "float32", [rows === "one" ? 1 : "sequence", width]);
  graph.output("y", last ? graph.add(y, after()) : y);
  return graph.build();
}

/**
 * The reference against which candidates are scored, from the original model's residual stream at the answer
 * positions. With P the original's distribution, Q a candidate's, x̂ its normalised residual stream and U the
 * unembedding, the cross entropy H(P, Q) = log Σ exp(x̂ Uᵀ) − x̂·(P U) is linear in P U, so P itself need not be
 * kept. A bias of the logits adds the same P·b to every H(P, Q), which does not change KL. If logits are capped,
 * H is not linear: P is computed again with every candidate, and the target is the original's residual stream.
 * Input x [batch, d]. Outputs: target P U, or x, [batch, d]; prediction, the most likely token [batch] int64.
 */
export function scoreReference(model: Transformer): Graph {
  const graph = new GraphBuilder("score reference");
  const x = graph.input("x", "float32", ["batch", model.width]);
  const matrix = scoringMatrix(model);
  const logits = logitsOf(graph, normalize(graph, x, model.finalNorm, operators), model, matrix);
  const isLinear = model.logitCap === undefined;
  graph.output("target", isLinear ? graph.matMul(graph.softmax(logits), graph.weight(matrix)) : x);
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
  const normed = normalize(graph, graph.add(x, constant), model.finalNorm, operators);
  const matrix = scoringMatrix(model);
  const logits = logitsOf(graph, normed, model, matrix);
  const normalizer = logSumExp(graph, logits);
  const original = () => logitsOf(graph, normalize(graph, target, model.finalNorm, operators), model, matrix);
  const expected =
    model.logitCap === undefined ? graph.mul(normed, target) : graph.mul(graph.softmax(original()), logits);
  const linear = graph.reduceSum(expected, [1], true);
  graph.output("crossEntropy", graph.reduceSum(graph.sub(normalizer, linear), [1], false));
  return graph.build();
}

/**
 * What `scoreReference` gives, over some of the vocabulary: what the parts give is combined by `evaluator/score-parts.ts`.
 * Input x [batch, d]. Outputs, each [batch]: normalizer, log Σ exp of the part's logits; best, the largest of them;
 * prediction, its token within the part (int64); and target [batch, d], P U with P over the part alone, where logits
 * are not capped.
 * @param matrix the part's rows of the unembedding as scores read them.
 */
export function scoreReferencePart(part: Transformer, matrix: Weight): Graph {
  const graph = new GraphBuilder("score reference, part");
  const x = graph.input("x", "float32", ["batch", part.width]);
  const logits = logitsOf(graph, normalize(graph, x, part.finalNorm, operators), part, matrix);
  const prediction = graph.argMax(logits, 1);
  if (part.logitCap === undefined) {
    graph.output("target", graph.matMul(graph.softmax(logits), graph.weight(matrix)));
  }
  graph.output("normalizer", graph.reduceSum(logSumExp(graph, logits), [1], false));
  graph.output("best", graph.reduceMax(logits, [1], false));
  graph.output("prediction", prediction);
  return graph.build();
}

/**
 * What `score` gives, over some of the vocabulary. Inputs: x [batch, d], constant [1, d]; target [batch, d], in the part
 * that computes x̂·(P U), or, where logits are capped, [batch, d + 1]: the original's residual stream and the log Σ exp
 * of its logits over the whole vocabulary. Outputs, each [batch]: normalizer, log Σ exp of the part's logits; expected,
 * what they add to Σ P·logits.
 * @param asked whether the part has `target` and gives `expected`; where logits are capped, each has.
 */
export function scorePart(part: Transformer, matrix: Weight, asked: boolean): Graph {
  const graph = new GraphBuilder("score, part");
  const { width, finalNorm, logitCap } = part;
  const x = graph.input("x", "float32", ["batch", width]);
  const constant = graph.input("constant", "float32", [1, width]);
  const normed = normalize(graph, graph.add(x, constant), finalNorm, operators);
  const logits = logitsOf(graph, normed, part, matrix);
  graph.output("normalizer", graph.reduceSum(logSumExp(graph, logits), [1], false));
  if (!asked) return graph.build();
  if (logitCap === undefined) {
    const target = graph.input("target", "float32", ["batch", width]);
    graph.output("expected", graph.reduceSum(graph.mul(normed, target), [1], false));
  } else {
    const target = graph.input("target", "float32", ["batch", width + 1]);
    const [stream, normalizer] = graph.split(target, 1, [width, 1]);
    if (stream === undefined || normalizer === undefined) throw new TypeError("a split without its parts");
    const original = logitsOf(graph, normalize(graph, stream, finalNorm, operators), part, matrix);
    const shares = graph.exp(graph.sub(original, normalizer));
    graph.output("expected", graph.reduceSum(graph.mul(shares, logits), [1], false));
  }
  return graph.build();
}

/** log Σ exp = logit − log softmax, at any one token: the runtime's log-softmax is the fastest way to compute it. [batch, 1]. */
function logSumExp(graph: GraphBuilder, logits: Value): Value {
  return graph.sub(graph.slice(logits, 1, 0, 1, 1), graph.slice(graph.logSoftmax(logits), 1, 0, 1, 1));
}

/** Centring changes no softmax and gains digits; with a cap it would change the capped values. */
export function scoringMatrix({ unembedding, logitCap }: Transformer): Weight {
  return logitCap === undefined ? centeredRows(unembedding) : unembedding;
}

/** The original's last step: input x [batch, d], output logits [batch, vocabulary]. */
export function unembedStage(model: Transformer): Graph {
  const graph = new GraphBuilder("unembedding");
  const x = graph.input("x", "float32", ["batch", model.width]);
  graph.output("logits", unembed(graph, x, model, operators));
  return graph.build();
}
