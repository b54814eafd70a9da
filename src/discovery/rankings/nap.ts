/** Node attribution patching: one backward pass at the original. */
import { uniformGates } from "../../transformer/gates.ts";
import { mapGates } from "../../transformer/map-gates.ts";
import { lossesWithSlope, type Ranking } from "./ranking.ts";

export const nap: Ranking = {
  name: "nap",
  estimates:
    "Node attribution patching: the change of the loss to first order when the component's output moves from its own value to its mean, −∂loss/∂gate at the original.",
  fails:
    "It sees no curvature: where a softmax or an activation is saturated the slope is small and the effect is not, and KL has no slope at the original, so it needs another loss.",
  scores: ["heads", "mlps", "neurons"],
  losses: lossesWithSlope,
  async score({ gated, prompts, of, loss, signal, onProgress }) {
    onProgress(0, 1);
    const { gradients } = await gated.gradients(uniformGates(gated.shape, 1), { loss, of, prompts, signal });
    return mapGates(gradients, (value) => -value);
  },
};
