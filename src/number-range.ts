/**
 * What a number may be, as plain data. The library, the command line, the studio's server and pages, and
 * circuit.json all check one option by one range, and name what is wanted in its words.
 */
export interface NumberRange {
  /** The number must be this or more. */
  readonly least?: number;
  /** The number must be more than this. */
  readonly above?: number;
  readonly most?: number;
  readonly whole?: boolean;
  /** What the number must be, to stand after "must be" or "expected". */
  readonly wanted: string;
  /** A sentence for somebody who gave something else. */
  readonly advice?: string;
}

export function wholeNumbers(least: number, most: number, advice?: string): NumberRange {
  const wanted = `a whole number from ${least} to ${most}`;
  return { least, most, whole: true, wanted, ...(advice !== undefined && { advice }) };
}

/** Infinity and what is no number are in no range. */
export function isWithin(range: NumberRange, value: unknown): value is number {
  const { least = -Infinity, above = -Infinity, most = Infinity, whole = false } = range;
  if (typeof value !== "number" || !Number.isFinite(value)) return false;
  return value >= least && value > above && value <= most && (!whole || Number.isSafeInteger(value));
}

/** A seed draws or splits a task's prompts, and draws resamples. */
export const seedRange: NumberRange = wholeNumbers(0, 2 ** 32 - 1);
