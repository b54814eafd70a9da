/** Exact single ablation: each component replaced by itself. */
import { type GateKind, type GateValues, gatesOfLayer, uniformGates } from "../../transformer/gates.ts";
import { mean } from "../mean.ts";
import { allLosses, type Ranking } from "./ranking.ts";

export const exact: Ranking = {
  name: "exact",
  estimates:
    "The rise of the loss when the component alone is replaced by its mean, measured by a forward pass for each.",
  fails:
    "It is exact for one component and says nothing of several: of two that do the same thing both look useless. It is too slow for neurons.",
  scores: ["heads", "mlps"],
  losses: allLosses,
  async score({ gated, prompts, of, loss, signal, onProgress }) {
    const lossAt = async (gates: GateValues) => mean(await gated.losses(gates, { loss, prompts, signal }));
    const whole = uniformGates(gated.shape, 1);
    const scores = uniformGates(gated.shape, 0);
    const places = of.flatMap((kind) => placesOf(whole, kind));
    const original = await lossAt(whole);
    for (const [done, { kind, layer, index }] of places.entries()) {
      onProgress(done, places.length);
      const gates = uniformGates(gated.shape, 1);
      gatesOfLayer(gates, kind, layer)[index] = 0;
      gatesOfLayer(scores, kind, layer)[index] = (await lossAt(gates)) - original;
    }
    return Object.fromEntries(of.map((kind) => [kind, scores[kind]]));
  },
};

/** Every gate of a kind. */
function placesOf(gates: GateValues, kind: GateKind) {
  return [...gates.mlps.keys()].flatMap((layer) =>
    [...gatesOfLayer(gates, kind, layer).keys()].map((index) => ({ kind, layer, index })),
  );
}
