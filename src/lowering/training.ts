/**
 * A model as a graph whose weights are trained: all of them are inputs, each as the model has it. Other graphs join
 * maps of one input, put scales into weights and fold constants; trained so, the same steps of an optimiser would mean
 * something else.
 */
import type { Graph, Value } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import { withoutUnread } from "../onnx/without-unread.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { embed } from "./embed.ts";
import { type PlacedPart, partsOf } from "./kept-part.ts";
import { fixedPlaces } from "./places.ts";
import { unembed } from "./unembed.ts";
import { walkParts } from "./walk-parts.ts";

const operators = "onnxruntime";

/** The names of inputs and outputs, beside the weights' own. */
export const studentNames = {
  ids: "input_ids",
  target: "target",
  logits: "logits",
  loss: "loss",
} as const;

/** The graph that trains, and the part of it that predicts. */
export interface StudentGraphs {
  readonly training: Graph;
  readonly prediction: Graph;
  /** The names of the weights, which are inputs of both. */
  readonly weights: readonly string[];
}

/**
 * Inputs: input_ids int64 [batch, length]; each of the model's weights under its name; and, of `training`, target. Outputs
 * of `prediction`: logits [batch × scored, vocabulary] at the last `scored` positions. Of `training`: loss [], the mean
 * squared difference of these and target, which has their shape.
 */
export function lowerStudent(model: Transformer, length: number, scored: number): StudentGraphs {
  const graph = new GraphBuilder("student");
  const ids = graph.input(studentNames.ids, "int64", ["batch", length]);
  const places = fixedPlaces(graph, length);
  const parts = partsOf(model).map((part) => askingAt(part, scored));
  const embedded = embed(graph, model, ids, (table) =>
    graph.slice(graph.weight(table), 0, 0, length, length),
  );
  const x = walkParts(graph, embedded, parts, {
    ...{ places, operators, apart: true },
    after: (stream, index) => withBiases(graph, stream, parts[index]),
  });
  const asked = graph.slice(x, 1, -scored, Number.MAX_SAFE_INTEGER, scored);
  const rows = scored === 1 ? "batch" : `${scored}*batch`;
  const logits = unembed(graph, graph.reshape(asked, [-1, model.width], rows), model, operators);
  graph.output(studentNames.logits, logits);
  const predicting = weightsAsInputs(graph.build());
  const target = graph.input(studentNames.target, "float32", logits.shape);
  const difference = graph.sub(logits, target);
  const squares = graph.reduceMean(graph.mul(difference, difference), [1], false);
  graph.output(studentNames.loss, graph.reduceMean(squares, [0], false));
  const training = weightsAsInputs(graph.build());
  return {
    training: withOutput(training, studentNames.loss),
    prediction: withOutput(predicting, studentNames.logits),
    weights: graph.build().weights.map(({ value }) => value.name),
  };
}

function withOutput(graph: Graph, name: string): Graph {
  return withoutUnread({ ...graph, outputs: graph.outputs.filter((output) => output.name === name) });
}

/** Where several positions are scored, the topmost heads have queries at all. */
function askingAt(part: PlacedPart, scored: number): PlacedPart {
  return part.kind === "mlp" || scored === 1 ? part : { ...part, queries: "all" };
}

/** b_O and b_2, which no part writes by itself; those before a norm behind the part are added there. */
function withBiases(graph: GraphBuilder, stream: Value, part: PlacedPart | undefined): Value {
  if (part === undefined) return stream;
  const writers = [
    ...(part.kind === "mlp" ? [] : [{ linear: part.attention.output, postNorm: part.attention.postNorm }]),
    ...(part.kind === "heads" ? [] : [{ linear: part.mlp.down, postNorm: part.mlp.postNorm }]),
  ];
  return writers.reduce(
    (sum, { linear, postNorm }) =>
      linear.bias === undefined || postNorm !== undefined ? sum : graph.add(sum, graph.weight(linear.bias)),
    stream,
  );
}

function weightsAsInputs(graph: Graph): Graph {
  return { ...graph, inputs: [...graph.inputs, ...graph.weights.map(({ value }) => value)], weights: [] };
}
