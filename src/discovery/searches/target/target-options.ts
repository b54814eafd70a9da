/** The possible targets of a circuit, as plain data: the range of each kind, and its description. */
import type { NumberRange } from "../../../number-range.ts";
import { klRange } from "../greedy/greedy-options.ts";

export const targetKinds = ["accuracy", "kl", "size"] as const;

/**
 * The target that a circuit must meet on the validation prompts.
 * @example
 * ```ts
 * await extract(model, task, "small", { target: { kind: "accuracy", value: 0.99 } });
 * ```
 */
export interface Target {
  /**
   * "accuracy": the least share of prompts that are right. "kl": the largest KL divergence. "size": the largest
   * share of the body's parameters.
   */
  readonly kind: (typeof targetKinds)[number];
  /** The bound: a share from 0 to 1, or nats for "kl". */
  readonly value: number;
}

interface TargetOption {
  readonly range: NumberRange;
  readonly sentence: string;
}

export const targetOptions: Readonly<Record<Target["kind"], TargetOption>> = {
  accuracy: {
    range: {
      ...{ above: 0, most: 1 },
      wanted: "a share above 0 and up to 1, of the validation prompts",
      advice: "0.99, say.",
    },
    sentence: "Find the smallest circuit that is right on this share of the validation prompts, 0.99, say.",
  },
  kl: { range: klRange, sentence: "Find the smallest circuit whose KL divergence is at most this." },
  size: {
    range: {
      ...{ least: 0, most: 1 },
      wanted: "a share from 0 to 1, of the body's parameters",
      advice: "0.2 is a fifth.",
    },
    sentence:
      "Find the circuit of the lowest KL divergence with at most this share of the body's parameters.",
  },
};
