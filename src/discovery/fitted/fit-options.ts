/** How constants are fitted: each number with its range and default, as plain data. */
import { PithError } from "../../errors.ts";
import { isWithin, type NumberRange, seedRange, wholeNumbers } from "../../number-range.ts";

/** The numbers of a fit of constants, each with a default: {@link defaultFitNumbers}. */
export interface FitNumbers {
  /**
   * How many steps of Adam are taken at most; fewer where the held-back prompts gain nothing for 60 steps.
   * @defaultValue 200
   */
  readonly steps: number;
  /**
   * How many prompts a step sees.
   * @defaultValue 64
   */
  readonly batch: number;
  /**
   * Adam's learning rate, which falls linearly to 0.
   * @defaultValue 0.01
   */
  readonly rate: number;
  /**
   * The seed of the order of the prompts.
   * @defaultValue 0
   */
  readonly seed: number;
}

/** What a fit of constants uses where nothing is said. */
export const defaultFitNumbers: FitNumbers = { steps: 200, batch: 64, rate: 0.01, seed: 0 };

/** The range of each number. */
export const fitRanges: Readonly<Record<keyof FitNumbers, NumberRange>> = {
  steps: wholeNumbers(1, 1_000_000),
  batch: wholeNumbers(1, 1_000_000),
  rate: { above: 0, most: 1, wanted: "a number above 0, to 1" },
  seed: seedRange,
};

/** @throws PithError "options" for a number out of its range. */
export function checkFitNumbers(given: Partial<FitNumbers>): FitNumbers {
  const numbers = { ...defaultFitNumbers, ...given };
  for (const [field, range] of Object.entries(fitRanges)) {
    const value = numbers[field as keyof FitNumbers];
    if (isWithin(range, value)) continue;
    throw new PithError("options", `must be ${range.wanted}, not ${value}`, { place: { field } });
  }
  return numbers;
}
