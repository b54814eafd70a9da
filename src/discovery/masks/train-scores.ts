/**
 * Learns which units matter at every size at once: each step draws a size and a batch of prompts, runs the model with
 * the soft mask of that size, and moves the scores so that the loss at this size falls. A unit that helps small models
 * gets a high score, one that only the largest need a low one; so cutting along the scores gives circuits of all sizes.
 */
import { type AdamState, adamStart, adamStep } from "./adam.ts";
import { drawSteps } from "./draw-steps.ts";
import type { Mask } from "./gate-space.ts";
import { scoreGradient, sizedMask } from "./sized-masks.ts";

export interface ScoreTraining {
  readonly costs: Float64Array;
  /** The numbers of the prompts that are learned from. */
  readonly prompts: readonly number[];
  readonly steps: number;
  /** How many prompts a step has, if there are so many. */
  readonly batch: number;
  /** Adam's learning rate; it falls linearly over the last 30 % of the steps. */
  readonly rate: number;
  readonly temperature: number;
  /** Between which shares of all candidates' weights sizes are drawn, uniformly. */
  readonly shares: { readonly least: number; readonly most: number };
  readonly seed: number;
  /** The mean loss of a batch of prompts with a mask, and ∂loss/∂mask. */
  readonly gradient: (mask: Mask, prompts: readonly number[]) => Promise<Float64Array>;
  /** Called after every step. */
  readonly onStep?: (state: AdamState) => Promise<void> | void;
}

const constantShare = 0.7;

/** @param start the state after some steps of the same training, which go on from there. */
export async function trainScores(training: ScoreTraining, start?: AdamState): Promise<Float64Array> {
  const { costs, steps, rate, temperature, shares, gradient, onStep } = training;
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  const draw = drawSteps(training);
  let state = start ?? adamStart(new Float64Array(costs.length));
  // What earlier steps drew is drawn again, so that the rest is what it would have been.
  for (let step = 0; step < state.steps; step++) draw();
  for (let step = state.steps; step < steps; step++) {
    const { position, prompts } = draw();
    const size = total * (shares.least + (shares.most - shares.least) * position);
    const { mask } = sizedMask(state.values, costs, size, temperature);
    const slope = scoreGradient(mask, await gradient(mask, prompts), costs, temperature);
    state = adamStep(state, slope, rate * decay(step, steps));
    await onStep?.(state);
  }
  return state.values;
}

/** Falls linearly to nearly 0 over the last 30 % of the steps. */
function decay(step: number, steps: number): number {
  const flat = constantShare * steps;
  return step < flat ? 1 : (steps - step) / (steps - flat);
}
