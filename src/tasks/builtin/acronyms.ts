/**
 * Three-letter acronyms (García-Carrasco, Maté and Trujillo 2024): "The Chief Executive Officer (CE" → "O".
 * A word is two tokens, its capital with the space before it and the rest; a letter of the acronym is one, and
 * only acronyms that the tokenizer spells letter by letter are used.
 */
import lists from "../word-lists/acronyms.json" with { type: "json" };
import type { BuiltinTask, BuiltinTaskOptions, TaskTokenizer } from "./builtin-task.ts";
import { drawPrompts } from "./draw-prompts.ts";
import { keepsBorders, keepWords, pick, tokenCount } from "./token-words.ts";

export interface AcronymOptions extends BuiltinTaskOptions {
  /**
   * Acronyms: which letter is asked for.
   * @defaultValue 3, as in the paper
   */
  readonly letter?: 1 | 2 | 3 | undefined;
  /** Left out: the words of the published set. */
  readonly words?: readonly string[] | undefined;
}

const TASK = "acronyms";
const PUBLISHED_COUNT = 250;
const LETTERS = ["", "first", "second", "third"] as const;

/** @throws PithError "task" when the tokenizer leaves too few words for the prompts asked for. */
export function acronymTask(tokenizer: TaskTokenizer, options: AcronymOptions = {}): BuiltinTask {
  const letter = options.letter ?? 3;
  const words = keepWords(
    TASK,
    "words",
    options.words ?? lists.words,
    (word) => isCapitalAndRest(tokenizer, word),
    { least: 3, need: "capital and rest" },
  );
  const spelled = new Map<string, boolean>();
  const spellsLetters = (acronym: string): boolean => {
    const known = spelled.get(acronym);
    if (known !== undefined) return known;
    const ids = tokenizer.encode(acronym);
    const letters = [...acronym].map((character) => tokenizer.encode(character));
    const result = ids.length === 3 && letters.every((own, i) => own.length === 1 && own[0] === ids[i]);
    spelled.set(acronym, result);
    return result;
  };
  const count = words.kept.length;
  const examples = drawPrompts(
    {
      task: TASK,
      sizes: [count, count, count],
      build: (choice) => {
        if (new Set(choice).size < 3) return undefined;
        const chosen = choice.map((index) => pick(words.kept, index));
        const capitals = chosen.map((word) => word.slice(0, 1));
        if (!spellsLetters(capitals.join(""))) return undefined;
        const pieces = [
          "The",
          ...chosen.flatMap((word) => [` ${word.slice(0, 1)}`, word.slice(1)]),
          " (",
          ...capitals.slice(0, letter - 1),
        ];
        if (!keepsBorders(tokenizer, pieces)) return undefined;
        return { prompt: pieces.join(""), answers: [pick(capitals, letter - 1)] };
      },
    },
    options,
    PUBLISHED_COUNT,
  );
  return {
    name: TASK,
    description: `The ${LETTERS[letter]} letter of a three-letter acronym, from the capitals of its words.`,
    examples,
    bos: true,
    promptTokens: tokenCount(tokenizer, examples[0]),
    words: [words.count],
    notes: [],
  };
}

/** " Chief" as |\u2423C|hief|: two tokens, the first of them what " C" alone is. */
function isCapitalAndRest(tokenizer: TaskTokenizer, word: string): boolean {
  if (!/^[A-Z][a-z]+$/.test(word)) return false;
  const ids = tokenizer.encode(` ${word}`);
  const [capital, ...rest] = tokenizer.encode(` ${word.slice(0, 1)}`);
  return ids.length === 2 && rest.length === 0 && ids[0] === capital;
}
