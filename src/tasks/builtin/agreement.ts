/**
 * Subject-verb agreement with another noun between subject and verb (Linzen, Dupoux and Goldberg 2016; the
 * sentences after Marvin and Linzen 2018): "The key near the cabinets" → is, was or has. The wrong answers are
 * the same verbs in the other number, as is usual in the field.
 */
import lists from "../word-lists/agreement.json" with { type: "json" };
import type { BuiltinTask, BuiltinTaskOptions, TaskTokenizer } from "./builtin-task.ts";
import { drawPrompts } from "./draw-prompts.ts";
import { isOneToken, keepsBorders, keepWords, pick, tokenCount } from "./token-words.ts";

const TASK = "agreement";
const DEFAULT_COUNT = 150;
const NUMBERS = ["singular", "plural"] as const;

/** @throws PithError "task" when the tokenizer leaves too few words for the requested prompts. */
export function agreementTask(tokenizer: TaskTokenizer, options: BuiltinTaskOptions = {}): BuiltinTask {
  const isWhole = (word: string) => isOneToken(tokenizer, ` ${word}`);
  const keep = (kind: string, words: readonly string[], passes: (word: string) => boolean, least: number) =>
    keepWords(TASK, kind, words, passes, { least, need: "one token with their space" });
  const plurals = new Map(lists.nouns.map(({ singular, plural }) => [singular, plural]));
  const verbs = new Map(lists.verbs.map(({ singular, plural }) => [singular, plural]));
  const inBoth = (forms: ReadonlyMap<string, string>) => (word: string) =>
    isWhole(word) && isWhole(forms.get(word) ?? word);
  const nouns = keep("nouns, in both numbers,", [...plurals.keys()], inBoth(plurals), 2);
  const prepositions = keep("prepositions", lists.prepositions, isWhole, 1);
  const verbsKept = keep("verbs, in both numbers,", [...verbs.keys()], inBoth(verbs), 1);
  const answers = {
    singular: verbsKept.kept.map((verb) => ` ${verb}`),
    plural: verbsKept.kept.map((verb) => ` ${verbs.get(verb)}`),
  };
  const labels = [...answers.singular, ...answers.plural];
  const written = (noun: string, number: (typeof NUMBERS)[number]) =>
    number === "singular" ? noun : (plurals.get(noun) ?? noun);
  const count = nouns.kept.length;
  const examples = drawPrompts(
    {
      task: TASK,
      sizes: [2, count, prepositions.kept.length, 2, count - 1],
      build: ([number, noun, preposition, otherNumber, other = 0]) => {
        const subject = pick(NUMBERS, number);
        const second = pick(nouns.kept, noun !== undefined && other >= noun ? other + 1 : other);
        const pieces = [
          ...["The", ` ${written(pick(nouns.kept, noun), subject)}`],
          ...[` ${pick(prepositions.kept, preposition)}`, " the"],
          ` ${written(second, pick(NUMBERS, otherNumber))}`,
        ];
        if (!keepsBorders(tokenizer, pieces)) return undefined;
        return { prompt: pieces.join(""), answers: answers[subject], labels };
      },
    },
    options,
    DEFAULT_COUNT,
  );
  return {
    name: TASK,
    description: "The verb's number is the first noun's, whatever stands between.",
    examples,
    bos: false,
    promptTokens: tokenCount(tokenizer, examples[0]),
    words: [{ ...nouns.count, kind: "nouns" }, prepositions.count, { ...verbsKept.count, kind: "verbs" }],
    notes: [],
  };
}
