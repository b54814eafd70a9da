/** What a search for a target passes on between its parts: circuits on the way, and what came of them. */
import type { Circuit } from "../../../transformer/circuit.ts";
import type { Decision, SearchResult } from "../decision.ts";
import type { Assessment } from "./assess.ts";

/** A circuit on the way to the target. */
export interface TriedCircuit extends Assessment {
  readonly circuit: Circuit;
  /** Of the sweep's search that gave it; undefined for the whole model. */
  readonly alpha: number | undefined;
  /** Share of the original's body parameters, 0 to 1. */
  readonly size: number;
  readonly holds: boolean;
  /** How it came about. */
  readonly trace: readonly Decision[];
}

/** The circuit that a search for a target makes from one start, with what decided for it. */
export interface FoundCircuit extends SearchResult, Assessment {
  /** Share of the original's body parameters, 0 to 1. */
  readonly size: number;
  /** Of the sweep's circuit that this one was made from; undefined if it was made from the whole model. */
  readonly alpha: number | undefined;
  /**
   * Whether it is known that no single change helps: every kept component was tried, and without it the target
   * breaks; or, for a size, every other one that would fit was tried, and KL does not fall with it.
   */
  readonly settled: boolean;
}
