/** From an option's text to its value, or a PithError that names the option. */
import { Option } from "commander";
import { PithError } from "../errors.ts";
import { shorten } from "../printable.ts";

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** @returns a parser that throws PithError "options", naming `option`, unless a finite number above zero. */
export function parseThreshold(option: string): (text: string) => number {
  return (text) =>
    parseNumber(
      option,
      text,
      "a positive finite number",
      (value) => value > 0,
      "0.02 is a good start; larger prunes more.",
    );
}

export const parseAlpha = parseThreshold("--alpha");

/** @throws PithError "options" unless a whole number from 1 to 1000. */
export function parsePasses(text: string): number {
  return wholeNumber("--passes", text, 1, 1000, "2 is enough for most circuits.");
}

/** Of --max-kl and --target-kl. @throws PithError "options" unless a finite number from 0 on. */
export function parseKl(option: string): (text: string) => number {
  return (text) => parseNumber(option, text, "a finite number from 0 on, in nats", (value) => value >= 0);
}

/** @throws PithError "options" unless a number above 0, to 1. */
export function parseTargetAccuracy(text: string): number {
  const expected = "a share of the validation prompts, above 0 and up to 1";
  return parseNumber("--target-accuracy", text, expected, (value) => value > 0 && value <= 1, "0.99, say.");
}

/** @throws PithError "options" unless a number from 0 to 1. */
export function parseTargetSize(text: string): number {
  const expected = "a share of the body's parameters, from 0 to 1";
  return parseNumber("--target-size", text, expected, (value) => value >= 0 && value <= 1, "0.2 is a fifth.");
}

function parseNumber(
  option: string,
  text: string,
  expected: string,
  isValid: (value: number) => boolean,
  advice = "",
): number {
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
  if (Number.isFinite(value) && isValid(value)) return value;
  throw invalid(option, text, expected, advice);
}

/** @throws PithError "options" unless a whole number of at least one. */
export function parseThreads(text: string): number {
  return wholeNumber("--threads", text, 1, 1024, "Leave it out to have it chosen.");
}

/** Of all commands that compute for long. */
export function deviceOption(): Option {
  return new Option("--device <kind>", "What computes: the processor, or a graphics card through WebGPU.")
    .choices(["cpu", "webgpu"])
    .default("cpu");
}

/** @throws PithError "options" unless a whole number from 0 to 2³² − 1. */
export function parseSeed(text: string): number {
  return wholeNumber("--seed", text, 0, 2 ** 32 - 1, "");
}

/** @throws PithError "options" unless a whole number of at least one. */
export function parseTop(text: string): number {
  return wholeNumber("--top", text, 1, 1_000_000, "");
}

/** @throws PithError "options" unless a whole number from 1 to 100. */
export function parsePrompts(text: string): number {
  return wholeNumber("--prompts", text, 1, 100, "Three are enough for a page.");
}

/** @throws PithError "options" unless a whole number from 2 to 1000. */
export function parseBootstrap(text: string): number {
  return wholeNumber("--bootstrap", text, 2, 1000, "20 searches tell a good deal.");
}

/** @throws PithError "options" unless a number above 0, to 1. */
export function parseFrequency(text: string): number {
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
  if (value > 0 && value <= 1) return value;
  const advice = "0.5 ships what half of the resampled searches kept.";
  throw invalid("--frequency", text, "a share of the runs, above 0 and up to 1", advice);
}

/** @throws PithError "options" unless a whole number of at least three: fewer have no spread. */
export function parseRuns(text: string): number {
  return wholeNumber("--runs", text, 3, 100_000, "");
}

function wholeNumber(option: string, text: string, least: number, most: number, advice: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw invalid(option, text, `a whole number from ${least} to ${most}`, advice);
}

function invalid(option: string, text: string, expected: string, advice: string): PithError {
  return new PithError("options", `expected ${expected}, found ${JSON.stringify(shorten(text, 40))}.`, {
    place: { field: option },
    advice,
  });
}
