/** Years of which one digit is asked for, for tokenizers that don't split them into century and two digits. */
import { PithError } from "../../errors.ts";
import type { TaskTokenizer } from "./builtin-task.ts";
import { isOneToken, keepsBorders, ofOneLength } from "./token-words.ts";
import { CENTURIES, twoDigits } from "./years.ts";

/** The digit of the end year: the last, or the one before it. */
export type YearDigit = "ones" | "tens";

interface DigitYear {
  /** The start year, four digits. */
  readonly start: string;
  /** The beginning of the end year in the prompt. */
  readonly begun: string;
  /** The digits with which a later year continues. */
  readonly answers: readonly string[];
}

/**
 * Start years of the published centuries whose end year can be asked for by one digit. As in the published data,
 * there is always an earlier and a later year of the same kind, so the start year's own digit is 1 to 8.
 * @throws PithError "task" when no year has such a digit as a token of its own.
 */
export function digitYears(
  tokenizer: TaskTokenizer,
  digit: YearDigit,
): { readonly years: readonly DigitYear[]; readonly given: number; readonly notes: readonly string[] } {
  const all = CENTURIES.flatMap((century) =>
    Array.from({ length: 100 }, (_, year) => digitYear(`${century}${twoDigits(year)}`, digit)),
  ).filter((each) => each !== undefined);
  const split = all.filter(
    ({ begun, answers }) =>
      answers.every((answer) => isOneToken(tokenizer, answer)) &&
      answers.every((answer) => keepsBorders(tokenizer, [` ${begun}`, answer])),
  );
  if (split.length === 0) {
    throw new PithError(
      "task",
      `greater-than: this tokenizer splits no year into century and two digits, nor off its ${digit === "ones" ? "last digit" : "digit of tens"}.`,
      { advice: "The task can't be asked of this model; write a task file of your own." },
    );
  }
  const { kept } = ofOneLength(split, ({ start, begun }) => tokenizer.encode(` ${start} ${begun}`).length);
  const shorter = split.length - kept.length;
  return {
    years: kept,
    given: all.length,
    notes: shorter === 0 ? [] : [`${shorter} years are left out, which are more or fewer tokens than most.`],
  };
}

/** Undefined if there is no earlier or no later digit. */
function digitYear(start: string, digit: YearDigit): DigitYear | undefined {
  const place = digit === "ones" ? 3 : 2;
  const own = Number(start[place]);
  if (own < 1 || own > 8) return undefined;
  // A later year may begin with the same tens, unless the start year is the last of its decade.
  const first = digit === "tens" && !start.endsWith("9") ? own : own + 1;
  const answers = Array.from({ length: 10 - first }, (_, i) => String(first + i));
  return { start, begun: start.slice(0, place), answers };
}
