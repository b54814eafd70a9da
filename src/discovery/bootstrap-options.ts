/** The ranges of a bootstrap's options. */
import { type NumberRange, wholeNumbers } from "../number-range.ts";

export const bootstrapRange = wholeNumbers(2, 1000, "20 searches tell a good deal.");

export const frequencyRange: NumberRange = {
  ...{ above: 0, most: 1 },
  wanted: "a share of the runs, above 0 and up to 1",
  advice: "0.5 ships what half of the resampled searches kept.",
};
