/**
 * One step of Adam (Kingma and Ba, 2015) as a graph: the weights and their moments come in, and the next ones go out, so
 * that they stay with the engine from step to step.
 */
import { gradientGraph, gradientName } from "../onnx/gradient.ts";
import type { Graph } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";

export interface AdamSettings {
  /** How fast the means of gradients and of their squares forget. */
  readonly decay: readonly [number, number];
  readonly epsilon: number;
}

/** PyTorch's defaults. */
const adamDefaults: AdamSettings = { decay: [0.9, 0.999], epsilon: 1e-8 };

/** The names of a weight's tensors in a step. */
export const adamNames = {
  first: (weight: string) => `${weight}/first`,
  second: (weight: string) => `${weight}/second`,
  next: (tensor: string) => `${tensor}/next`,
} as const;

/**
 * Inputs: those of `graph`, which has the weights among them; `gradient.<loss>` [], to be 1; for each weight its first and
 * second moment, zeros before the first step; rate [] and correction [], see `adamFactors`. Outputs: the loss, and of each
 * weight and moment the next.
 * @param loss the name of an output of one number. @param weights names of inputs.
 */
export function adamStepGraph(
  graph: Graph,
  loss: string,
  weights: readonly string[],
  { decay, epsilon }: AdamSettings = adamDefaults,
): Graph {
  const gradient = gradientGraph(graph, { of: loss, wrt: weights, keep: [loss] });
  const builder = GraphBuilder.continuing(gradient, `${graph.name}: step`);
  const scalar = (value: number) => builder.floats([], [value]);
  const rate = builder.input("rate", "float32", []);
  const correction = builder.input("correction", "float32", []);
  const output = gradient.outputs.find(({ name }) => name === loss);
  if (output !== undefined) builder.keepOutput(output);
  for (const name of weights) {
    const weight = gradient.inputs.find((input) => input.name === name);
    const slope = gradient.outputs.find((value) => value.name === gradientName(name));
    if (weight === undefined || slope === undefined) throw new RangeError(`${name} is no input`);
    const moment = (own: string, of: typeof slope, forget: number) => {
      const before = builder.input(own, "float32", weight.shape);
      const mixed = builder.add(builder.mul(before, scalar(forget)), builder.mul(of, scalar(1 - forget)));
      builder.output(adamNames.next(own), mixed);
      return mixed;
    };
    const first = moment(adamNames.first(name), slope, decay[0]);
    const second = moment(adamNames.second(name), builder.mul(slope, slope), decay[1]);
    const spread = builder.add(builder.sqrt(builder.mul(second, correction)), scalar(epsilon));
    const change = builder.div(builder.mul(first, rate), spread);
    builder.output(adamNames.next(name), builder.sub(weight, change));
  }
  return builder.build();
}

/**
 * What corrects the moments, which begin at zero.
 * @param step counted from 1.
 */
export function adamFactors(
  step: number,
  learningRate: number,
  { decay }: AdamSettings = adamDefaults,
): { readonly rate: number; readonly correction: number } {
  return { rate: learningRate / (1 - decay[0] ** step), correction: 1 / (1 - decay[1] ** step) };
}
