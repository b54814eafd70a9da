/**
 * The interface of a ranking: a way to score every component by how much the loss is expected to rise when it is
 * replaced. A ranking is one value in one file; `index.ts` lists those that come with Pith.
 */
import type { Loss } from "../../lowering/loss-stages.ts";
import type { GateKind, GateValues } from "../../transformer/gates.ts";
import type { GateEngine } from "../gates/gate-engine.ts";
import type { GatedModel } from "../gates/gated-model.ts";

/** A ranking of components. */
export interface Ranking {
  /** Its name in options and files. */
  readonly name: string;
  /** What its scores estimate, as one sentence. */
  readonly estimates: string;
  /** When it fails, as one sentence. */
  readonly fails: string;
  /** The kinds of components that it can score. */
  readonly scores: readonly GateKind[];
  /** The losses that it can use; empty: it uses none. */
  readonly losses: readonly Loss[];
  /** Positive scores are useful components. */
  score(inputs: RankingInputs): Promise<Partial<GateValues>>;
}

export interface RankingInputs {
  readonly engine: GateEngine;
  /** The same prompts, as searches see them. */
  readonly gated: GatedModel;
  /** The prompts that scores are means over: numbers among all. */
  readonly prompts: readonly number[];
  readonly of: readonly GateKind[];
  readonly loss: Loss;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  /** Told how many of the passes are done. */
  readonly onProgress: (done: number, total: number) => void;
}

/** All losses that have a gradient at the original; KL has its minimum there. */
export const lossesWithSlope = ["cross-entropy", "logit-difference"] as const satisfies Loss[];
/** All losses. */
export const allLosses = ["kl", ...lossesWithSlope] as const satisfies Loss[];

/** The rankings that score heads and MLPs, by name: for pages, which don't load what computes them. */
export const componentRankings = [
  "fisher",
  "nap",
  "mask-ig",
  "mask-ig-weighted",
  "inputs-ig",
  "relp",
  "exact",
  "random",
] as const;
