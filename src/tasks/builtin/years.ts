/**
 * The years of the greater-than task (Hanna, Liu and Variengien 2023): four digits that the tokenizer splits
 * into century and two digits, and the probability that a model gives to later years over earlier ones.
 */
import { PithError } from "../../errors.ts";
import type { TaskTokenizer } from "./builtin-task.ts";
import { isOneToken, keepsBorders } from "./token-words.ts";

/** "XXYY" as two numbers. */
export interface Year {
  readonly century: number;
  readonly year: number;
}

/** Centuries of the published set: 11 is the years 1100 to 1199. */
export const CENTURIES = [11, 12, 13, 14, 15, 16, 17] as const;
const [FIRST, LAST] = [2, 98] as const;
/** How many years are tried. */
export const YEARS_TRIED = CENTURIES.length * (LAST - FIRST + 1);

export function twoDigits(year: number): string {
  return String(year).padStart(2, "0");
}

/**
 * Years 02 … 98 of each century that are encoded as |XX|YY|, without the first and the last of these, as
 * published: so there is always an earlier and a later year of the same kind.
 */
export function splitYears(tokenizer: TaskTokenizer): readonly Year[] {
  return CENTURIES.flatMap((century) => {
    const start = ` ${century}`;
    if (!isOneToken(tokenizer, start)) return [];
    const all = Array.from({ length: LAST - FIRST + 1 }, (_, i) => FIRST + i);
    const split = all.filter((year) => {
      const digits = twoDigits(year);
      return isOneToken(tokenizer, digits) && keepsBorders(tokenizer, [start, digits]);
    });
    return split.slice(1, -1).map((year) => ({ century, year }));
  });
}

/**
 * The tokens of "00" … "99", by number.
 * @throws PithError "task" when one of them is not one token.
 */
export function yearTokens(tokenizer: TaskTokenizer): readonly number[] {
  return Array.from({ length: 100 }, (_, year) => {
    const [id, ...rest] = tokenizer.encode(twoDigits(year));
    if (id !== undefined && rest.length === 0) return id;
    throw new PithError("task", `greater-than: "${twoDigits(year)}" is not one token for this tokenizer.`, {
      advice: "The task needs a tokenizer with a token for every two digits.",
    });
  });
}

/** The year YY of a prompt "… from the year XXYY to XX"; undefined for any other prompt. */
export function startYear(prompt: string): number | undefined {
  const match = / (\d\d)(\d\d) to \1$/.exec(prompt);
  return match?.[2] === undefined ? undefined : Number(match[2]);
}

/**
 * Hanna et al.'s probability difference: Σ p(y) over y > YY, minus Σ p(y) over y ≤ YY; from −1 to 1.
 * @param probabilities of the next token, [vocabulary].
 * @param tokens from {@link yearTokens}.
 */
export function laterYearMass(
  probabilities: ArrayLike<number>,
  tokens: readonly number[],
  start: number,
): number {
  return tokens.reduce((sum, token, year) => {
    const probability = probabilities[token];
    if (probability === undefined) throw new RangeError(`no probability for token ${token}`);
    return year > start ? sum + probability : sum - probability;
  }, 0);
}
