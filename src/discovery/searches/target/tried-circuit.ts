/** The data that the parts of a search for a target exchange: intermediate circuits and their results. */
import type { Circuit } from "../../../transformer/circuit.ts";
import type { Decision, SearchResult } from "../decision.ts";
import type { Assessment } from "./assess.ts";

/** An intermediate circuit. */
export interface TriedCircuit extends Assessment {
  readonly circuit: Circuit;
  /** The α of the sweep's search that gave it; undefined for the whole model. */
  readonly alpha: number | undefined;
  /** Share of the original's body parameters, 0 to 1. */
  readonly size: number;
  readonly holds: boolean;
  /** The decisions that led to it. */
  readonly trace: readonly Decision[];
}

/** The circuit that a search for a target makes from one start, with its decisions. */
export interface FoundCircuit extends SearchResult, Assessment {
  /** Share of the original's body parameters, 0 to 1. */
  readonly size: number;
  /** The α of the sweep's circuit that this one was made from; undefined if it was made from the whole model. */
  readonly alpha: number | undefined;
  /**
   * Whether it is known that no single change helps: every kept component was tried, and without it the target is
   * missed; or, for a size target, every other component that fits was tried, and it does not lower KL.
   */
  readonly settled: boolean;
}
