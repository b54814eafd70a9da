/**
 * Follows the evaluations of a sweep, new or from a journal: it knows which may come next, and what they lead to.
 */
import { type Circuit, wholeCircuit, without } from "../transformer/circuit.ts";
import { shapeOf } from "../transformer/component.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { candidates, mayGo } from "./searches/greedy/search.ts";
import { faultOfComponent } from "./step-fault.ts";
import type { SweepEntry, SweepOptions } from "./sweep.ts";

/** Follows the entries of one sweep. */
export interface SweepFollower {
  /** Takes the next entry. @returns why it can't be the next one, if so. */
  take(entry: SweepEntry): string | undefined;
  /** The circuit of one threshold by the entries so far; undefined if they don't reach the end. */
  circuitAt(alpha: number): Circuit | undefined;
  readonly entries: number;
}

/** The state of thresholds that have decided in the same way so far. */
interface Reached {
  readonly alphas: readonly number[];
  readonly kl: number;
}

export function followSweep(
  model: Transformer,
  options: Pick<SweepOptions, "alphas" | "maxKl" | "mlps" | "order">,
): SweepFollower {
  const all = candidates(model, options);
  const kls = new Map<string, number>();
  const reached = new Map<string, Reached>([["", { alphas: options.alphas, kl: 0 }]]);
  const goes = (alpha: number, kl: number, before: number) => mayGo(kl, kl - before, alpha, options.maxKl);
  return {
    get entries() {
      return kls.size;
    },
    take(entry) {
      const { path, kl } = entry;
      const from = reached.get(path);
      if (from === undefined) return "no threshold leads to it from the entries before it";
      const why = faultOfComponent(all[path.length], entry);
      if (why !== undefined) return why;
      if (!Number.isFinite(kl)) return "its KL is not finite";
      if (kls.has(path)) return "an entry before it stands for the same step";
      kls.set(path, kl);
      const pruning = from.alphas.filter((alpha) => goes(alpha, kl, from.kl));
      const keeping = from.alphas.filter((alpha) => !pruning.includes(alpha));
      if (pruning.length > 0) reached.set(`${path}p`, { alphas: pruning, kl });
      if (keeping.length > 0) reached.set(`${path}k`, { alphas: keeping, kl: from.kl });
      return undefined;
    },
    circuitAt(alpha) {
      let path = "";
      let before = 0;
      for (let step = 0; step < all.length; step++) {
        const kl = kls.get(path);
        if (kl === undefined) return undefined;
        const prunes = goes(alpha, kl, before);
        path += prunes ? "p" : "k";
        if (prunes) before = kl;
      }
      return without(
        wholeCircuit(shapeOf(model)),
        all.filter((_, step) => path[step] === "p"),
      );
    },
  };
}
