/**
 * Capitals of countries, a common test of relations in language models (Hernandez et al. 2024): "The capital of
 * France is" → " Paris". Each country occurs in one prompt only, so that no split contains another's answers.
 */
import lists from "../word-lists/capitals.json" with { type: "json" };
import type { BuiltinTask, BuiltinTaskOptions, TaskTokenizer } from "./builtin-task.ts";
import { drawPrompts } from "./draw-prompts.ts";
import { isOneToken, keepsBorders, keepWords, ofOneLength, pick } from "./token-words.ts";

const TASK = "capitals";
const MOST = 150;

/** @throws PithError "task" when the tokenizer leaves too few countries for the requested prompts. */
export function capitalTask(tokenizer: TaskTokenizer, options: BuiltinTaskOptions = {}): BuiltinTask {
  const capitals = new Map(lists.countries.map(({ country, capital }) => [country, capital]));
  const answerOf = (country: string) => ` ${capitals.get(country) ?? ""}`;
  const piecesOf = (country: string) => ["The capital of", ` ${country}`, " is"];
  const isAnswer = options.acceptsAnswer ?? ((text: string) => isOneToken(tokenizer, text));
  const countries = keepWords(
    TASK,
    "capitals",
    [...capitals.keys()],
    (country) => isAnswer(answerOf(country), true) && keepsBorders(tokenizer, piecesOf(country)),
    { least: 3, need: "one token where they stand" },
  );
  const lengthOf = (country: string) => tokenizer.encode(piecesOf(country).join("")).length;
  const { kept, length } =
    options.means === "pooled"
      ? { kept: countries.kept, length: undefined }
      : ofOneLength(countries.kept, lengthOf);
  const leftOut = countries.kept.length - kept.length;
  const examples = drawPrompts(
    {
      task: TASK,
      sizes: [kept.length],
      build: ([index]) => {
        const country = pick(kept, index);
        return { prompt: piecesOf(country).join(""), answers: [answerOf(country)] };
      },
    },
    options,
    Math.min(MOST, Math.floor(kept.length / 3)),
  );
  return {
    name: TASK,
    description: "The capital of a country; no country stands in two splits.",
    examples,
    bos: false,
    promptTokens: length,
    words: [countries.count],
    notes:
      leftOut === 0
        ? []
        : [
            `${leftOut} of ${countries.kept.length} countries are left out: with this tokenizer their names are longer or shorter ` +
              "than most, and aligned means need prompts of one length. Pooled means take them all.",
          ],
  };
}
