/**
 * Losses of one row each, from the residual stream before the final norm at an answer position, as graphs that can be
 * differentiated. All of them are linear in logits and logarithms of sums of their exponentials, so that neither the
 * original's distribution nor a table of answers over the vocabulary is ever an input.
 */
import type { Graph, Value } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { cap } from "./attention.ts";
import { normalize } from "./norm.ts";
import { scoringMatrix } from "./stages.ts";
import { logitsOf, unembed } from "./unembed.ts";

/** With "held", the gradient of the final norm is RelP's. */
export type LossOperators = "onnxruntime" | "held";

/**
 * What a gated model is measured by, at the answer positions, in nats. `kl`: KL(original ‖ gated). `cross-entropy`:
 * −log of the probability of all accepted answers together. `logit-difference`: minus the log of the odds of the
 * accepted answers against the distractors, which for one of each is minus the difference of their logits.
 */
export type Loss = "kl" | "cross-entropy" | "logit-difference";

/**
 * Input x [batch, d], output loss [batch]. Further inputs: of `kl`, target [batch, d] as `scoreReference` gives it and
 * entropy [batch]; of the others, answers [batch, answers] int64 and absent [batch, answers], 0 for an answer that
 * counts, and −10³⁰ for the first one again, which fills the row; of `logit-difference` also distractors and
 * absentDistractors, alike.
 */
export function lossStage(model: Transformer, loss: Loss, operators: LossOperators = "onnxruntime"): Graph {
  const graph = new GraphBuilder(`loss: ${loss}`);
  const x = graph.input("x", "float32", ["batch", model.width]);
  const normed = normalize(graph, x, model.finalNorm, operators);
  graph.output("loss", graph.reduceSum(lossOf(graph, normed, model, loss), [1], false));
  return graph.build();
}

/** [batch, 1]. */
function lossOf(graph: GraphBuilder, normed: Value, model: Transformer, loss: Loss): Value {
  const logits = () => logitsOf(graph, normed, model, scoringMatrix(model));
  switch (loss) {
    case "kl": {
      const target = graph.input("target", "float32", ["batch", model.width]);
      const entropy = graph.input("entropy", "float32", ["batch"]);
      const all = logits();
      const expected =
        model.logitCap === undefined
          ? graph.mul(normed, target)
          : graph.mul(shareOf(graph, target, model), all);
      const crossEntropy = graph.sub(logSumExpOf(graph, all), graph.reduceSum(expected, [1], true));
      return graph.sub(crossEntropy, graph.unsqueeze(entropy, [1]));
    }
    case "cross-entropy": {
      const answers = tokensOf(graph, "answers", "absent");
      const others = logSumExpOf(graph, without(graph, logits(), answers));
      return softplus(graph, graph.sub(others, logSumExpOf(graph, logitsAt(graph, normed, model, answers))));
    }
    case "logit-difference": {
      const of = (tokens: Tokens): Value => logSumExpOf(graph, logitsAt(graph, normed, model, tokens));
      return graph.sub(
        of(tokensOf(graph, "distractors", "absentDistractors")),
        of(tokensOf(graph, "answers", "absent")),
      );
    }
  }
}

/** log Σ exp of the last axis, kept with length 1, in a form whose gradient loses no digits. */
function logSumExpOf(graph: GraphBuilder, x: Value): Value {
  const largest = graph.hold(graph.reduceMax(x, [-1], true));
  return graph.add(largest, graph.log(graph.reduceSum(graph.exp(graph.sub(x, largest)), [-1], true)));
}

/**
 * log(1 + exp x) as max(x, 0) + log(1 + exp(−|x|)). Of x = log of the odds against the answers it is −log of their
 * probability; where that is nearly 1, a difference of logarithms would leave nothing of its gradient.
 */
function softplus(graph: GraphBuilder, x: Value): Value {
  const above = graph.relu(x);
  const negative = graph.sub(x, graph.add(above, above));
  return graph.add(above, graph.log(graph.add(graph.exp(negative), graph.floats([], [1]))));
}

/** A logit as good as none: what `absent` holds where a token only fills a row. */
export const absentLogit = -1e30;

/** Some tokens of each row, int64 [batch, tokens]; those that only fill a row repeat its first one, and are absent. */
interface Tokens {
  readonly ids: Value;
  readonly absent: Value;
}

function tokensOf(graph: GraphBuilder, ids: string, absent: string): Tokens {
  return {
    ids: graph.input(ids, "int64", ["batch", ids]),
    absent: graph.input(absent, "float32", ["batch", ids]),
  };
}

/** Logits of all tokens but these. */
function without(graph: GraphBuilder, logits: Value, { ids, absent }: Tokens): Value {
  const scalar = (value: number) => graph.floats([], [value]);
  const updates = graph.add(graph.mul(absent, scalar(0)), scalar(absentLogit));
  return graph.add(logits, graph.scatterAdd(graph.mul(graph.hold(logits), scalar(0)), ids, updates, 1));
}

/** The original's distribution, from its residual stream. */
function shareOf(graph: GraphBuilder, stream: Value, model: Transformer): Value {
  return graph.softmax(
    logitsOf(graph, normalize(graph, stream, model.finalNorm, "onnxruntime"), model, scoringMatrix(model)),
  );
}

/** Logits of a few tokens of each row, [batch, tokens]: of the unembedding, their rows alone are read. */
function logitsAt(graph: GraphBuilder, normed: Value, model: Transformer, { ids, absent }: Tokens): Value {
  const rows = graph.gather(graph.weight(scoringMatrix(model)), ids);
  const products = graph.reduceSum(graph.mul(rows, graph.unsqueeze(normed, [1])), [2], false);
  const bias = model.unembeddingBias && graph.gather(graph.weight(model.unembeddingBias), ids);
  const logits = cap(graph, bias === undefined ? products : graph.add(products, bias), model.logitCap);
  return graph.add(logits, absent);
}

/**
 * x̂·direction, whose gradient a Fisher probe squares. Inputs x and direction [batch, d], output loss [batch].
 */
export function probeStage(model: Transformer): Graph {
  const graph = new GraphBuilder("loss: probe");
  const x = graph.input("x", "float32", ["batch", model.width]);
  const direction = graph.input("direction", "float32", ["batch", model.width]);
  const normed = normalize(graph, x, model.finalNorm, "onnxruntime");
  graph.output("loss", graph.reduceSum(graph.mul(normed, direction), [1], false));
  return graph.build();
}

/**
 * The direction of a Fisher probe: Σ_y u_y ∂logit_y/∂x̂ with u = √q∘r − q(√q·r), for which Σ u = 0, so that Σ u·log q
 * and Σ u·logit have one gradient. With r of random signs the expectation of the square of that gradient is the
 * Gauss–Newton diagonal of KL. Inputs x [batch, d] and signs r [batch, vocabulary]; output direction [batch, d].
 */
export function probeDirection(model: Transformer): Graph {
  const graph = new GraphBuilder("direction of the probe");
  const x = graph.input("x", "float32", ["batch", model.width]);
  const signs = graph.input("signs", "float32", ["batch", model.vocabularySize]);
  const matrix = scoringMatrix(model);
  const logits = logitsOf(graph, normalize(graph, x, model.finalNorm, "onnxruntime"), model, matrix);
  const share = graph.softmax(logits);
  const signed = graph.mul(graph.sqrt(share), signs);
  const u = graph.sub(signed, graph.mul(share, graph.reduceSum(signed, [1], true)));
  graph.output("direction", graph.matMul(slope(graph, u, logits, model), graph.weight(matrix)));
  return graph.build();
}

/** u times the slope of capped logits: 1 − (logit / cap)². */
function slope(graph: GraphBuilder, u: Value, logits: Value, { logitCap }: Transformer): Value {
  if (logitCap === undefined) return u;
  const relative = graph.div(logits, graph.floats([], [logitCap]));
  return graph.mul(u, graph.sub(graph.floats([], [1]), graph.mul(relative, relative)));
}

/** Input x [batch, d]; output prediction, the number of the most likely token, [batch], as a float. */
export function predictionStage(model: Transformer): Graph {
  const graph = new GraphBuilder("prediction");
  const x = graph.input("x", "float32", ["batch", model.width]);
  graph.output("prediction", graph.cast(graph.argMax(unembed(graph, x, model, "onnxruntime"), 1), "float32"));
  return graph.build();
}
