/**
 * The range of a number, as plain data. The library, the command line, the studio's server and pages, and
 * circuit.json all check an option with the same range, and use its words in their messages.
 */
export interface NumberRange {
  /** The number must be this or more. */
  readonly least?: number;
  /** The number must be more than this. */
  readonly above?: number;
  readonly most?: number;
  readonly whole?: boolean;
  /** The description of the range, which follows "must be" or "expected". */
  readonly wanted: string;
  /** Advice for a person who gave another value. */
  readonly advice?: string;
}

export function wholeNumbers(least: number, most: number, advice?: string): NumberRange {
  const wanted = `a whole number from ${least} to ${most}`;
  return { least, most, whole: true, wanted, ...(advice !== undefined && { advice }) };
}

/** Infinity and values that are not numbers are in no range. */
export function isWithin(range: NumberRange, value: unknown): value is number {
  const { least = -Infinity, above = -Infinity, most = Infinity, whole = false } = range;
  if (typeof value !== "number" || !Number.isFinite(value)) return false;
  return value >= least && value > above && value <= most && (!whole || Number.isSafeInteger(value));
}

/** The range of seeds, which draw or split a task's prompts and draw resamples. */
export const seedRange: NumberRange = wholeNumbers(0, 2 ** 32 - 1);
