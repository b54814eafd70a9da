/** How a student is trained. The paper leaves most of it open; what is chosen here is said with each result. */
import { PithError } from "../../errors.ts";
import { isWithin, type NumberRange, seedRange, wholeNumbers } from "../../number-range.ts";

/** The numbers of a training, each with a default: {@link defaultDistillOptions}. */
export interface DistillNumbers {
  /**
   * How often at most the student sees all patching prompts. The paper has 20,000.
   * @defaultValue 400
   */
  readonly epochs: number;
  /**
   * After how many epochs without a better validation accuracy the training ends.
   * @defaultValue 200
   */
  readonly patience: number;
  /**
   * How many epochs lie between two measurements of the accuracy.
   * @defaultValue 5
   */
  readonly every: number;
  /**
   * How many prompts a step of the optimiser sees.
   * @defaultValue 64
   */
  readonly batch: number;
  /**
   * Adam's learning rate; the paper has 1e-3.
   * @defaultValue 0.001
   */
  readonly learningRate: number;
  /**
   * The seed of the random start and of the order of prompts.
   * @defaultValue 0
   */
  readonly seed: number;
}

/** What `distill` uses where nothing is said. */
export const defaultDistillOptions: DistillNumbers = {
  epochs: 400,
  patience: 200,
  every: 5,
  batch: 64,
  learningRate: 1e-3,
  seed: 0,
};

/** The range of each number. */
export const distillRanges: Readonly<Record<keyof DistillNumbers, NumberRange>> = {
  epochs: wholeNumbers(1, 1_000_000),
  patience: wholeNumbers(1, 1_000_000),
  every: wholeNumbers(1, 1_000_000),
  batch: wholeNumbers(1, 1_000_000),
  learningRate: { above: 0, most: 1, wanted: "a number above 0, to 1" },
  seed: seedRange,
};

/** How many layers a student has. */
export const layersRange = wholeNumbers(1, 1_000_000);

/** The size that a student is fitted to. */
export const sizeRange: NumberRange = { least: 0, wanted: "a number of weights from 0 on" };

/** @throws PithError "options" for a number out of its range. */
export function checkDistillNumbers(given: Partial<DistillNumbers>): DistillNumbers {
  const numbers = { ...defaultDistillOptions, ...given };
  for (const [field, range] of Object.entries(distillRanges)) {
    const value = numbers[field as keyof DistillNumbers];
    if (isWithin(range, value)) continue;
    throw new PithError("options", `must be ${range.wanted}, not ${value}`, { place: { field } });
  }
  return numbers;
}
