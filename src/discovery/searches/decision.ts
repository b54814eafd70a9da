/** The result of every search: a circuit, and the decisions that led to it. */
import type { Circuit } from "../../transformer/circuit.ts";
import type { ComponentRecord } from "../../transformer/component.ts";

/** One line of a trace: a component was tried, and kept or pruned. */
export interface Decision extends ComponentRecord {
  /** KL(original ‖ model with the component replaced), in nats, mean over the validation prompts. */
  readonly kl: number;
  /** `kl` less the KL of the model as decided before. */
  readonly delta: number;
  /** Whether the component was pruned. */
  readonly pruned: boolean;
  /** The pass of the decision, from 2 on; left out in the first. */
  readonly pass?: number | undefined;
}

/** A circuit, and every decision that led to it. */
export interface SearchResult {
  /** The components that stay. */
  readonly circuit: Circuit;
  /** Every decision in order. */
  readonly trace: readonly Decision[];
  /** KL(original ‖ circuit) in nats, mean over the validation prompts. */
  readonly kl: number;
}
