/**
 * The options of Algorithm 1, as plain data: their ranges, defaults and descriptions. `greedy.ts` makes the zod
 * schema from them.
 */

import { type NumberRange, wholeNumbers } from "../../../number-range.ts";
import type { Order } from "../../../transformer/component.ts";

export const alphaOption = {
  range: {
    above: 0,
    wanted: "a positive finite number",
    advice: "0.02 is a good start; larger prunes more.",
  } satisfies NumberRange,
  initial: 0.02,
  label: "Threshold α",
  sentence: "Prune a component if the KL divergence grows by less than this, in nats.",
};

/** The range of a KL in nats, as a target or a bound. */
export const klRange: NumberRange = { least: 0, wanted: "a finite number from 0 on, in nats" };

export const maxKlOption = {
  range: klRange,
  sentence: "Prune nothing that takes the KL divergence above this, whatever it grows by.",
};

export const passesOption = {
  range: wholeNumbers(1, 1000, "2 is enough for most circuits."),
  initial: 1,
  sentence: "Try again what was kept, until nothing changes, in this many passes at most.",
};

export const earlyExitOption = {
  initial: false,
  sentence: "Stop trying a component once it is certainly kept: the same circuit, sooner.",
};

export const orderOption: {
  readonly values: readonly Order[];
  readonly initial: Order;
  readonly sentence: string;
} = {
  values: ["published", "downstream"],
  initial: "published",
  sentence: "Try a layer's heads before its MLP, as the paper's code does; or after it.",
};
