/**
 * Removes neurons from the weights of an MLP: their columns of W_up (and of W_gate) with their biases, and their rows
 * of W_down. b_2 belongs to no neuron and stays.
 */
import { indexRuns } from "./index-runs.ts";
import { linearShape, sliceInputs, sliceOutputs } from "./linear.ts";
import type { Range } from "./slice.ts";
import type { Mlp } from "./transformer.ts";

/**
 * @param neurons indices in the original layer, ascending, at least one; or all.
 * @throws RangeError for a neuron that the layer does not have.
 */
export function keepNeurons<M extends Mlp>(mlp: M, neurons: readonly number[] | "all"): M {
  if (neurons === "all") return mlp;
  const ranges = rangesOfNeurons(neurons);
  return {
    ...mlp,
    ...(mlp.gate && { gate: sliceOutputs(mlp.gate, ranges) }),
    up: sliceOutputs(mlp.up, ranges),
    down: sliceInputs(mlp.down, ranges),
  };
}

/** The neurons as ranges of an MLP's columns. @param neurons ascending. */
export function rangesOfNeurons(neurons: readonly number[]): readonly Range[] {
  return indexRuns(neurons).map(({ first, last }): Range => [first, last + 1]);
}

/** The neurons of an MLP that are not among the kept ones, ascending. */
export function prunedNeurons(mlp: Mlp, kept: readonly number[] | "all"): readonly number[] {
  if (kept === "all") return [];
  const [, hidden] = linearShape(mlp.up);
  const stays = new Set(kept);
  return Array.from({ length: hidden }, (_, neuron) => neuron).filter((neuron) => !stays.has(neuron));
}
