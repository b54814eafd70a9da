/** Constants while they are trained with masks: a vector after every part of the model, moved by Adam beside the scores. */
import type { Transformer } from "../../../transformer/transformer.ts";
import { type ConstantPlace, gatherConstants, spreadConstants } from "../../fitted/constant-places.ts";
import { defaultFitNumbers } from "../../fitted/fit-options.ts";
import type { StreamConstants } from "../../gates/gate-passes.ts";
import { requireNumbers } from "../../gates/require-numbers.ts";
import { type AdamState, adamStart, adamStep } from "../../masks/adam.ts";

export interface JointConstants {
  current(): StreamConstants;
  state(): AdamState;
  /** Goes down a gradient. @throws PithError "runtime" where it is no number. */
  move(slopes: StreamConstants): void;
}

/** @param steps of the whole training. @param start the state after some of them; left out: zeros, which are the means. */
export function jointConstants(model: Transformer, steps: number, start?: AdamState): JointConstants {
  const places = model.blocks.flatMap((_, layer): readonly ConstantPlace[] => [
    { layer, after: "heads" },
    { layer, after: "mlps" },
  ]);
  const size = places.length * model.width;
  let state = start ?? adamStart(new Float64Array(size));
  if (state.values.length !== size) throw new RangeError("the journal's constants are of another model");
  return {
    current: () => spreadConstants(model, places, state.values),
    state: () => state,
    move(slopes) {
      const gradient = gatherConstants(places, slopes);
      requireNumbers(gradient, "the gradient of the loss with respect to the constants");
      state = adamStep(state, gradient, defaultFitNumbers.rate * (1 - state.steps / steps));
    },
  };
}
