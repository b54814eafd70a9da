/** A gated model as a function of a mask: its losses, their gradient, and their curvature. */
import type { Loss } from "../../lowering/loss-stages.ts";
import type { StreamConstants } from "../gates/gate-passes.ts";
import type { GatedModel } from "../gates/gated-model.ts";
import { type GateSpace, gatesOfMask, type Mask, unitValues } from "./gate-space.ts";

export interface MaskModel {
  readonly space: GateSpace;
  /** One loss a prompt. @param constants instead of the model's own. */
  losses(mask: Mask, prompts: readonly number[], constants?: StreamConstants): Promise<Float64Array>;
  /** The mean over the prompts of ∂loss/∂mask. */
  gradient(mask: Mask, prompts: readonly number[]): Promise<Float64Array>;
  /**
   * The estimated loss that is added when a unit of this mask is replaced, to the second order: −g + ½F, with F the
   * Gauss–Newton diagonal of KL. A unit of several components counts as their sum.
   */
  removalLosses(mask: Mask, prompts: readonly number[], seed: number): Promise<Float64Array>;
}

interface MaskModelOptions {
  readonly loss: Loss;
  readonly signal: AbortSignal | undefined;
  /** Vectors that are added to the stream beside the means; left out: none. */
  readonly constants?: StreamConstants | undefined;
}

export function maskModelOf(
  gated: GatedModel,
  space: GateSpace,
  { loss, signal, constants }: MaskModelOptions,
): MaskModel {
  const of = space.kinds;
  const gradient = async (mask: Mask, prompts: readonly number[]) => {
    const run = { loss, of, prompts, constants, signal };
    const { gradients } = await gated.gradients(gatesOfMask(space, mask), run);
    return unitValues(space, gradients);
  };
  return {
    space,
    losses: (mask, prompts, given = constants) =>
      gated.losses(gatesOfMask(space, mask), { loss, prompts, constants: given, signal }),
    gradient,
    async removalLosses(mask, prompts, seed) {
      const fisher = await gated.fisher(gatesOfMask(space, mask), { of, prompts, seed, constants, signal });
      const curvature = unitValues(space, fisher);
      // Where all is kept, KL is at its minimum and has no slope.
      const whole = mask.every((value) => value === 1);
      const slope = whole && loss === "kl" ? mask.map(() => 0) : await gradient(mask, prompts);
      return curvature.map((square, at) => square / 2 - (slope[at] ?? 0));
    },
  };
}
