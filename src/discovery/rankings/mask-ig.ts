/** Integrated gradients over masks: all gates go from 0 to 1 together. */
import { type GateKind, type GateValues, uniformGates } from "../../transformer/gates.ts";
import { addGates, mapGates } from "../../transformer/map-gates.ts";
import { allLosses, type Ranking, type RankingInputs } from "./ranking.ts";

/** Midpoints of the path on which gradients are taken. */
const steps = 8;

export const maskIg: Ranking = {
  name: "mask-ig",
  estimates:
    "Integrated gradients over masks: the component's share of the rise of the loss when all components go from their own values to their means together; the shares add up to that rise.",
  fails:
    "Every component counts where all others are half gone, which no circuit is like: what matters only while the rest is intact, or only when little is left, is averaged away.",
  scores: ["heads", "mlps", "neurons"],
  losses: allLosses,
  score: (inputs) => alongMasks(inputs, () => 1),
};

export const maskIgWeighted: Ranking = {
  name: "mask-ig-weighted",
  estimates:
    "Integrated gradients over masks, weighted by 6t(1 − t) along the path: as mask-ig, but the middle of the path, where many circuits lie, counts most.",
  fails: "It fails as mask-ig does, and its scores add up to nothing of meaning.",
  scores: ["heads", "mlps", "neurons"],
  losses: allLosses,
  score: (inputs) => alongMasks(inputs, (t) => 6 * t * (1 - t)),
};

/** −Σ weight·∂loss/∂gate at gates of t. */
async function alongMasks(
  inputs: RankingInputs,
  weightAt: (t: number) => number,
): Promise<Partial<GateValues>> {
  const { gated, prompts, loss, signal, onProgress } = inputs;
  const paths = pathsOf(inputs.of);
  let scores: Partial<GateValues> = {};
  for (const [index, { move, ask }] of paths.entries()) {
    const parts: { weight: number; gates: Partial<GateValues> }[] = [];
    for (let step = 0; step < steps; step++) {
      onProgress(index * steps + step, paths.length * steps);
      const t = (step + 0.5) / steps;
      const { gradients } = await gated.gradients(gatesAt(gated.shape, move, t), {
        loss,
        of: ask,
        prompts,
        signal,
      });
      parts.push({ weight: weightAt(t) / steps, gates: gradients });
    }
    scores = { ...scores, ...mapGates(addGates(parts), (value) => -value) };
  }
  return scores;
}

/**
 * Which gates move together, and whose scores are taken. An MLP and its own neurons are two ways to take the same thing
 * away, so they don't move together.
 */
function pathsOf(
  of: readonly GateKind[],
): readonly { readonly move: readonly GateKind[]; readonly ask: readonly GateKind[] }[] {
  if (!of.includes("mlps") || !of.includes("neurons")) return [{ move: of, ask: of }];
  const without = (left: GateKind) => of.filter((kind) => kind !== left);
  return [
    { move: without("neurons"), ask: without("neurons") },
    { move: without("mlps"), ask: ["neurons"] },
  ];
}

/** Gates of t for the kinds that move, 1 for the others. */
function gatesAt(shape: RankingInputs["gated"]["shape"], move: readonly GateKind[], t: number): GateValues {
  const [moved, still] = [uniformGates(shape, t), uniformGates(shape, 1)];
  const gatesOf = <Kind extends GateKind>(kind: Kind): GateValues[Kind] =>
    (move.includes(kind) ? moved : still)[kind];
  return { heads: gatesOf("heads"), mlps: gatesOf("mlps"), neurons: gatesOf("neurons") };
}
