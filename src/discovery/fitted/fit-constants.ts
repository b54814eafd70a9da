/**
 * Fits the constants of a finished circuit: one vector before each remaining reader (`constant-places.ts`) is added to
 * what pruned components write on average, and is trained by the KL to the original (cf. optimal ablation, Li and Janson
 * 2024, arXiv:2409.09951). What the vectors learn by heart shows on prompts that are held back, which say when they are
 * best. Such a circuit is a good model, and no evidence of a mechanism: under plain means its KL may be far higher.
 */
import { PithError } from "../../errors.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import type { StreamConstants } from "../gates/gate-passes.ts";
import { requireNumbers } from "../gates/require-numbers.ts";
import { adamStart, adamStep } from "../masks/adam.ts";
import { drawSteps } from "../masks/draw-steps.ts";
import { mean } from "../mean.ts";
import { joinConstants, noConstants, spreadConstants } from "./constant-places.ts";
import type { FitNumbers } from "./fit-options.ts";
import type { TrainableCircuit } from "./trainable-circuit.ts";

export interface ConstantFit {
  /** An original model. */
  readonly model: Transformer;
  /** The circuit, on its patching and validation prompts. */
  readonly trainable: TrainableCircuit;
  readonly numbers: FitNumbers;
  readonly prompts: FitPrompts;
  /** The vectors to begin with, after any parts; left out: zeros, which are the means. */
  readonly start?: StreamConstants | undefined;
  /** Called after each step. */
  readonly onStep?: (done: number, total: number) => void;
}

/** Numbers of prompts. */
export interface FitPrompts {
  readonly learned: readonly number[];
  /** They say which step is the best; where there are none, all steps are taken, and the last is. */
  readonly held: readonly number[];
}

/** The vectors, and the course of their training. */
export interface FittedConstants {
  /** What is added to the stream after each part, beside the means; zeros where there is no vector. */
  readonly constants: StreamConstants;
  /** How many vectors there are. */
  readonly vectors: number;
  /** How many prompts were learned from. */
  readonly learned: number;
  /** How many were held back. */
  readonly held: number;
  /** How many steps were taken, and after which of them the vectors were best. */
  readonly steps: number;
  readonly best: number;
  /** The KL on the held-back prompts, in nats: with the vectors of the beginning, and with the best. */
  readonly heldKl: { readonly before: number; readonly after: number };
}

/** Of so many prompts one is held back. */
const heldOf = 5;
/** The held-back prompts are measured after so many steps. */
const stepsPerMeasure = 10;
/** Training ends when so many measures one after another are no better than the best. */
const patience = 6;

/** @throws PithError "runtime" where a gradient is no number. */
export async function fitConstants({
  model,
  trainable,
  numbers,
  prompts: { learned, held },
  start = noConstants(model),
  onStep,
}: ConstantFit): Promise<FittedConstants> {
  const { places } = trainable;
  const heldKl = async (values: Float64Array): Promise<number> =>
    held.length === 0 ? Number.NaN : mean(await trainable.losses(values, held));

  let state = adamStart(joinConstants(places, start));
  const before = await heldKl(state.values);
  let best = { values: state.values, kl: before, step: 0 };
  const total = places.length === 0 ? 0 : numbers.steps;
  const draw = drawSteps({ prompts: learned, batch: numbers.batch, seed: numbers.seed });
  while (state.steps < total) {
    const gradient = await trainable.gradient(state.values, draw().prompts);
    requireNumbers(gradient, "the gradient of the loss with respect to the constants");
    state = adamStep(state, gradient, numbers.rate * (1 - state.steps / total));
    onStep?.(state.steps, total);
    if (state.steps % stepsPerMeasure !== 0 && state.steps < total) continue;
    const kl = await heldKl(state.values);
    if (kl < best.kl || held.length === 0) best = { values: state.values, kl, step: state.steps };
    else if (state.steps >= best.step + patience * stepsPerMeasure) break;
  }
  return {
    ...{ constants: spreadConstants(model, places, best.values), vectors: places.length },
    ...{ learned: learned.length, held: held.length, steps: state.steps, best: best.step },
    heldKl: { before, after: best.kl },
  };
}

/**
 * Every fifth prompt is held back, of fewer the last.
 * @throws PithError "task" for fewer than two prompts.
 */
export function fitPrompts(count: number): FitPrompts {
  if (count < 2) {
    throw new PithError(
      "task",
      "there is one prompt, so none can be held back from the fit of the constants.",
      {
        advice: "Give more patching or validation prompts, or keep the means.",
      },
    );
  }
  const all = Array.from({ length: count }, (_, prompt) => prompt);
  const isHeld = (prompt: number) => (count < heldOf ? prompt === count - 1 : prompt % heldOf === 0);
  return { learned: all.filter((prompt) => !isHeld(prompt)), held: all.filter(isHeld) };
}
