/** The result of every search: a circuit, and the decisions that led to it. */
import type { Circuit } from "../../transformer/circuit.ts";
import type { ComponentRecord } from "../../transformer/component.ts";

/** One line of a trace: a component, or several together, were tried, and kept or pruned. */
export interface Decision extends ComponentRecord {
  /** The other components of the layer that were tried together with it; left out: none. */
  readonly also?: readonly string[] | undefined;
  /** KL(original ‖ model with the component replaced), in nats, mean over the validation prompts. */
  readonly kl: number;
  /** `kl` less the KL of the model as decided before. */
  readonly delta: number;
  /** Whether the component was pruned. */
  readonly pruned: boolean;
  /**
   * Whether `kl` and `delta` are lower bounds: the candidate was certainly kept before all prompts were tried. Left out:
   * they are exact.
   */
  readonly atLeast?: true | undefined;
  /** The pass of the decision, from 2 on; left out in the first. */
  readonly pass?: number | undefined;
}

/** All components that a decision is on. */
export function recordsOf({
  layer,
  component,
  also = [],
}: Pick<Decision, "layer" | "component" | "also">): readonly ComponentRecord[] {
  return [component, ...also].map((name) => ({ layer, component: name }));
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
