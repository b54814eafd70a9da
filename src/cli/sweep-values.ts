/** Parses the options of a sweep, or throws a PithError that names the option. */
import { PithError } from "../errors.ts";
import { logSpaced } from "../experiments/sweep-plan.ts";
import { shorten } from "../printable.ts";
import { parseAlpha, parseSeed } from "./option-values.ts";

const MOST_ALPHAS = 1000;
const MOST_SEEDS = 1000;

/**
 * "1e-5..1:30", from..to:count, with a constant factor between neighbours; or "0.01,0.02". @throws PithError
 * "options".
 */
export function parseAlphas(text: string): readonly number[] {
  const [, from, to, count] = /^(.+)\.\.(.+):(\d+)$/.exec(text) ?? [];
  if (from === undefined || to === undefined) {
    if (text.includes("..")) throw invalidAlphas(text);
    return text.split(",").map((part) => parseOneAlpha(part, text));
  }
  const [low, high, number] = [parseOneAlpha(from, text), parseOneAlpha(to, text), Number(count)];
  if (!(low < high && number >= 2 && number <= MOST_ALPHAS)) throw invalidAlphas(text);
  return logSpaced(low, high, number);
}

function parseOneAlpha(part: string, text: string): number {
  try {
    return parseAlpha(part.trim());
  } catch {
    throw invalidAlphas(text);
  }
}

function invalidAlphas(text: string): PithError {
  return invalid("--alphas", text, "thresholds above zero as from..to:count or in a list", {
    advice: `As in 1e-5..1:30, ${MOST_ALPHAS} at most, or in 0.01,0.02,0.05.`,
  });
}

/** "5": 0 … 4; "2..4": 2, 3, 4; "1,5,8". @throws PithError "options". */
export function parseSeeds(text: string): readonly number[] {
  const fail = () =>
    invalid("--seeds", text, "a number of seeds, a range or a list", {
      advice: `As in 5 for 0 to 4, in 2..4, or in 1,5,8; ${MOST_SEEDS} at most.`,
    });
  const seed = (part: string) => {
    try {
      return parseSeed(part.trim());
    } catch {
      throw fail();
    }
  };
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(text) ?? [];
  const [first, count] =
    from !== undefined && to !== undefined
      ? [seed(from), seed(to) - seed(from) + 1]
      : [0, seed(text.split(",")[0] ?? "")];
  if (text.includes(",")) return [...new Set(text.split(",").map(seed))];
  if (count < 1 || count > MOST_SEEDS) throw fail();
  return Array.from({ length: count }, (_, index) => first + index);
}

/** One or more of `allowed`, separated by commas. @throws PithError "options". */
export function parseChoices<Choice extends string>(
  option: string,
  allowed: readonly Choice[],
): (text: string) => readonly Choice[] {
  return (text) => {
    const chosen = text.split(",").map((part) => allowed.find((choice) => choice === part.trim()));
    if (chosen.includes(undefined)) {
      throw invalid(option, text, `${allowed.join(" or ")}, or both by a comma`, {});
    }
    return [...new Set(chosen.flatMap((choice) => choice ?? []))];
  };
}

function invalid(option: string, text: string, expected: string, details: { advice?: string }): PithError {
  return new PithError("options", `expected ${expected}, found ${JSON.stringify(shorten(text, 40))}.`, {
    place: { field: option },
    ...details,
  });
}
