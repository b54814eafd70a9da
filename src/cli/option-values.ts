/** From an option's text to its value, or a PithError that names the option. */
import { PithError } from "../errors.ts";

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** @throws PithError "options" unless a finite number above zero. */
export function parseAlpha(text: string): number {
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
  if (Number.isFinite(value) && value > 0) return value;
  throw invalid("--alpha", text, "a positive finite number", "0.02 is a good start; larger prunes more.");
}

/** @throws PithError "options" unless a whole number of at least one. */
export function parseThreads(text: string): number {
  return wholeNumber("--threads", text, 1, 1024, "Leave it out to use all cores.");
}

/** @throws PithError "options" unless a whole number from 0 to 2³² − 1. */
export function parseSeed(text: string): number {
  return wholeNumber("--seed", text, 0, 2 ** 32 - 1, "");
}

/** @throws PithError "options" unless a whole number of at least one. */
export function parseTop(text: string): number {
  return wholeNumber("--top", text, 1, 1_000_000, "");
}

function wholeNumber(option: string, text: string, least: number, most: number, advice: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw invalid(option, text, `a whole number from ${least} to ${most}`, advice);
}

function invalid(option: string, text: string, expected: string, advice: string): PithError {
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return new PithError("options", `expected ${expected}, found ${JSON.stringify(shown)}.`, {
    place: { field: option },
    advice,
  });
}
