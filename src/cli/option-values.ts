/** Parses an option's text to its value, or throws a PithError that names the option. */
import { Option } from "commander";
import { parseByteSize } from "../byte-size.ts";
import { bootstrapRange, frequencyRange } from "../discovery/bootstrap-options.ts";
import { alphaOption, klRange, passesOption } from "../discovery/searches/greedy/greedy-options.ts";
import { targetOptions } from "../discovery/searches/target/target-options.ts";
import { PithError } from "../errors.ts";
import { headRankRange, memoryRange, threadRange } from "../jobs/extract/extract-options.ts";
import { isWithin, type NumberRange, seedRange, wholeNumbers } from "../number-range.ts";
import { shorten } from "../printable.ts";

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const WHOLE = /^\d+$/;

/** @returns a parser that throws PithError "options", naming `option`, for a value out of range. */
export function parseIn(option: string, range: NumberRange): (text: string) => number {
  const form = range.whole === true ? WHOLE : DECIMAL;
  return (text) => {
    const value = form.test(text) ? Number(text) : Number.NaN;
    if (isWithin(range, value)) return value;
    throw invalid(option, text, range.wanted, range.advice);
  };
}

/** @returns a parser of α for an option of another name. */
export const parseThreshold = (option: string) => parseIn(option, alphaOption.range);

export const parseAlpha = parseThreshold("--alpha");
export const parsePasses = parseIn("--passes", passesOption.range);
/** Parses --max-kl and --target-kl. */
export const parseKl = (option: string) => parseIn(option, klRange);
export const parseTargetAccuracy = parseIn("--target-accuracy", targetOptions.accuracy.range);
export const parseTargetSize = parseIn("--target-size", targetOptions.size.range);
export const parseBootstrap = parseIn("--bootstrap", bootstrapRange);
export const parseFrequency = parseIn("--frequency", frequencyRange);
export const parseSeed = parseIn("--seed", seedRange);
export const parseThreads = parseIn("--threads", threadRange);
export const parseTop = parseIn("--top", wholeNumbers(1, 1_000_000));
export const parsePrompts = parseIn("--prompts", wholeNumbers(1, 100, "Three are enough for a page."));
/** With fewer than three runs, a spread means nothing. */
export const parseRuns = parseIn("--runs", wholeNumbers(3, 100_000));
export const parseJobs = parseIn(
  "--jobs",
  wholeNumbers(1, 256, "Leave it out for as many as cores and memory allow."),
);

/** Parses --head-rank: "16", "auto". */
export const parseHeadRank = (text: string): number | "auto" =>
  text === "auto" ? text : parseIn("--head-rank", headRankRange)(text);

/** Parses --memory: "3GB", "512MB". */
export function parseMemory(text: string): number {
  const bytes = parseByteSize(text);
  if (bytes !== undefined && isWithin(memoryRange, bytes)) return bytes;
  throw invalid("--memory", text, "a size such as 3GB or 512MB");
}

/** `--device`, for all commands with long computations. */
export function deviceOption(): Option {
  return new Option("--device <kind>", "What computes: the processor, or a graphics card through WebGPU.")
    .choices(["cpu", "webgpu"])
    .default("cpu");
}

function invalid(option: string, text: string, expected: string, advice = ""): PithError {
  return new PithError("options", `expected ${expected}, found ${JSON.stringify(shorten(text, 40))}.`, {
    place: { field: option },
    advice,
  });
}
