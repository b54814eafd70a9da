/** The Fisher (Gauss–Newton) diagonal, by random probes. */
import { type GateValues, uniformGates } from "../../transformer/gates.ts";
import { addGates } from "../../transformer/map-gates.ts";
import type { Ranking } from "./ranking.ts";

/** Probes, each a backward pass. */
const probes = 2;

export const fisher: Ranking = {
  name: "fisher",
  estimates:
    "The KL to second order when the component alone is replaced by its mean: half of the Gauss–Newton diagonal with respect to its gate, by random probes.",
  fails:
    "It looks at one component at a time around the whole model, so backups that take over only when others are gone look useless; with few prompts the probes are noisy.",
  scores: ["heads", "mlps", "neurons"],
  losses: ["kl"],
  async score({ gated, prompts, of, seed, signal, onProgress }) {
    const squares: { weight: number; gates: Partial<GateValues> }[] = [];
    for (let probe = 0; probe < probes; probe++) {
      onProgress(probe, probes);
      const options = { of, seed: seed + probe, prompts, signal };
      squares.push({
        weight: 0.5 / probes,
        gates: await gated.fisher(uniformGates(gated.shape, 1), options),
      });
    }
    return addGates(squares);
  },
};
