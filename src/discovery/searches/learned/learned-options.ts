/** The options of the learned search, as plain data: their ranges, defaults and descriptions. */
import { type NumberRange, wholeNumbers } from "../../../number-range.ts";

const positive: NumberRange = { above: 0, wanted: "a positive finite number" };

export const stepsOption = {
  range: wholeNumbers(1, 1_000_000, "250 is enough for most tasks."),
  initial: 250,
  sentence: "How many steps of gradient descent learn the masks.",
};

export const batchOption = {
  range: wholeNumbers(1, 1_000_000),
  initial: 24,
  sentence: "How many prompts a step has.",
};

export const rateOption = { range: positive, initial: 0.1, sentence: "The learning rate of Adam." };

export const temperatureOption = {
  range: positive,
  initial: 0.5,
  sentence: "How soft the masks are: the temperature of the sigmoid.",
};

export const prefilterOption = {
  range: {
    above: 0,
    most: 1,
    wanted: "a share above 0 and up to 1",
    advice: "0.5 halves the work.",
  } satisfies NumberRange,
  initial: 0.5,
  sentence:
    "The share of the body's weights that a Fisher probe leaves as candidates before masks are learned.",
};
