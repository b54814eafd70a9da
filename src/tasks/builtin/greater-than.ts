/**
 * Greater-than (Hanna, Liu and Variengien 2023): "The war lasted from the year 1732 to 17" → any of "33" … "99".
 * The published data say "to XX", not "to the year XX" as the appendix does. If the tokenizer splits no year in
 * this way, one digit is asked for (`year-digits.ts`).
 */
import lists from "../word-lists/greater-than.json" with { type: "json" };
import type { BuiltinTask, BuiltinTaskOptions, TaskTokenizer } from "./builtin-task.ts";
import { drawPrompts } from "./draw-prompts.ts";
import { isOneToken, type KeptWords, keepsBorders, keepWords, pick, tokenCount } from "./token-words.ts";
import { digitYears, type YearDigit } from "./year-digits.ts";
import { splitYears, twoDigits, YEARS_TRIED, yearTokens } from "./years.ts";

export interface GreaterThanOptions extends BuiltinTaskOptions {
  /**
   * Later years: the nouns for what lasted, such as "war" or "treaty".
   * @defaultValue the published list
   */
  readonly nouns?: readonly string[] | undefined;
  /**
   * Later years: ask for one digit of the end year, the last or the one before it.
   * @defaultValue both digits at once, as published; the last if the tokenizer has no years of two tokens
   */
  readonly digit?: YearDigit | undefined;
}

const TASK = "greater-than";
const PUBLISHED_COUNT = 250;
const tenDigits = Array.from({ length: 10 }, (_, each) => String(each));

/** @throws PithError "task" when the tokenizer leaves no years or too few nouns for the requested prompts. */
export function greaterThanTask(tokenizer: TaskTokenizer, options: GreaterThanOptions = {}): BuiltinTask {
  const nouns = keepWords(
    TASK,
    "nouns",
    options.nouns ?? lists.nouns,
    (noun) => isOneToken(tokenizer, ` ${noun}`),
    { least: 1, need: "one token with their space" },
  );
  const years = splitYears(tokenizer);
  if (options.digit !== undefined || years.length === 0) return digitTask(tokenizer, options, nouns);
  // Every later year is an answer, so every two digits must be one token.
  const promptYears = new Set(years.map(({ year }) => year));
  yearTokens(tokenizer);
  const answersAfter = new Map(
    [...promptYears].map((start) => [
      start,
      Array.from({ length: 99 - start }, (_, i) => twoDigits(start + 1 + i)),
    ]),
  );
  const examples = drawPrompts(
    {
      task: TASK,
      sizes: [nouns.kept.length, years.length],
      build: ([nounIndex, yearIndex]) => {
        const { century, year } = pick(years, yearIndex);
        const noun = ` ${pick(nouns.kept, nounIndex)}`;
        const pieces = [
          "The",
          noun,
          " lasted from the year",
          ` ${century}`,
          twoDigits(year),
          " to",
          ` ${century}`,
        ];
        if (!keepsBorders(tokenizer, pieces)) return undefined;
        const distractors = Array.from({ length: year + 1 }, (_, earlier) => twoDigits(earlier));
        return { prompt: pieces.join(""), answers: answersAfter.get(year) ?? [], distractors };
      },
    },
    options,
    PUBLISHED_COUNT,
  );
  return {
    name: TASK,
    description: "How long it lasted: any two-digit year later than the start year, in its century.",
    examples,
    bos: false,
    promptTokens: tokenCount(tokenizer, examples[0]),
    words: [nouns.count, { kind: "years", given: YEARS_TRIED, kept: years.length }],
    notes: [],
  };
}

/**
 * "The war lasted from the year 1732 to the year 173" → "3" … "9". By default the last digit is asked for: its
 * answers exclude the start year's own digit, so that a model must compare. The digit before it may be equal to
 * the start year's, so a model that copies the start year is always right.
 */
function digitTask(tokenizer: TaskTokenizer, options: GreaterThanOptions, nouns: KeptWords): BuiltinTask {
  const digit = options.digit ?? "ones";
  const { years, given, notes } = digitYears(tokenizer, digit);
  const examples = drawPrompts(
    {
      task: TASK,
      sizes: [nouns.kept.length, years.length],
      build: ([nounIndex, yearIndex]) => {
        const { start, begun, answers } = pick(years, yearIndex);
        const noun = ` ${pick(nouns.kept, nounIndex)}`;
        const pieces = ["The", noun, " lasted from the year", ` ${start}`, " to the year", ` ${begun}`];
        if (!keepsBorders(tokenizer, pieces)) return undefined;
        const distractors = tenDigits.filter(
          (each) => !answers.includes(each) && isOneToken(tokenizer, each),
        );
        return { prompt: pieces.join(""), answers, distractors };
      },
    },
    options,
    PUBLISHED_COUNT,
  );
  return {
    name: TASK,
    description:
      digit === "ones"
        ? "How long it lasted: any last digit that makes a later year of the same ten years."
        : "How long it lasted: any digit of tens that begins a later year of the same century.",
    examples,
    bos: false,
    promptTokens: tokenCount(tokenizer, examples[0]),
    words: [nouns.count, { kind: "years", given, kept: years.length }],
    notes: [
      ...(options.digit === undefined
        ? ["This tokenizer splits no year into century and two digits, so the last digit alone is asked for."]
        : []),
      ...notes,
    ],
  };
}
