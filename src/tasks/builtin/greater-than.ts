/**
 * Greater-than (Hanna, Liu and Variengien 2023): "The war lasted from the year 1732 to 17" → any of "33" … "99".
 * The appendix's wording, "to the year XX", is not what the published data have; they say "to XX".
 */
import { PithError } from "../../errors.ts";
import lists from "../word-lists/greater-than.json" with { type: "json" };
import type { BuiltinTask, BuiltinTaskOptions, TaskTokenizer } from "./builtin-task.ts";
import { drawPrompts } from "./draw-prompts.ts";
import { isOneToken, keepsBorders, keepWords, pick, tokenCount } from "./token-words.ts";
import { splitYears, twoDigits, YEARS_TRIED, yearTokens } from "./years.ts";

export interface GreaterThanOptions extends BuiltinTaskOptions {
  /**
   * Later years: what lasted, "war", "treaty".
   * @defaultValue the published list
   */
  readonly nouns?: readonly string[] | undefined;
}

const TASK = "greater-than";
const PUBLISHED_COUNT = 250;

/** @throws PithError "task" when the tokenizer leaves no years or too few nouns for the prompts asked for. */
export function greaterThanTask(tokenizer: TaskTokenizer, options: GreaterThanOptions = {}): BuiltinTask {
  const nouns = keepWords(
    TASK,
    "nouns",
    options.nouns ?? lists.nouns,
    (noun) => isOneToken(tokenizer, ` ${noun}`),
    { least: 1, need: "one token with their space" },
  );
  const years = splitYears(tokenizer);
  if (years.length === 0) {
    throw new PithError("task", `${TASK}: this tokenizer splits no year into century and two digits.`, {
      advice: "The task can't be asked of this model; write a task file of your own.",
    });
  }
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
        return { prompt: pieces.join(""), answers: answersAfter.get(year) ?? [] };
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
