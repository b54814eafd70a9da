/**
 * Three-letter acronyms (García-Carrasco, Maté and Trujillo 2024): "The Chief Executive Officer (CE" → "O". A
 * word has two tokens: its capital with the space before it, and the rest. A letter of the acronym is one token,
 * and only acronyms that the tokenizer splits into single letters are used. If it has hardly any such words or
 * acronyms, words of one token and acronyms whose first letters merge are used instead (`acronym-spelling.ts`).
 */
import lists from "../word-lists/acronyms.json" with { type: "json" };
import { type AcronymLetter, chooseSpelling } from "./acronym-spelling.ts";
import type { BuiltinTask, BuiltinTaskOptions, TaskTokenizer } from "./builtin-task.ts";
import { drawPrompts } from "./draw-prompts.ts";
import { isOneToken, type KeptWords, keepsBorders, keepWords, pick, tokenCount } from "./token-words.ts";

export interface AcronymOptions extends BuiltinTaskOptions {
  /**
   * Acronyms: the letter that the model must predict.
   * @defaultValue 3, as in the paper
   */
  readonly letter?: AcronymLetter | undefined;
  /** Left out: the words of the published set. */
  readonly words?: readonly string[] | undefined;
}

const TASK = "acronyms";
const PUBLISHED_COUNT = 250;
/** With fewer words, the same few acronyms would occur again and again. */
const FEW_WORDS = 20;
const LETTERS = ["", "first", "second", "third"] as const;

/** @throws PithError "task" when the tokenizer leaves too few words for the requested prompts. */
export function acronymTask(tokenizer: TaskTokenizer, options: AcronymOptions = {}): BuiltinTask {
  const letter = options.letter ?? 3;
  const words = chooseWords(tokenizer, options.words ?? lists.words);
  const spelling = chooseSpelling(tokenizer, words.kept, letter);
  const count = words.kept.length;
  const examples = drawPrompts(
    {
      task: TASK,
      sizes: [count, count, count],
      build: (choice) => {
        if (new Set(choice).size < 3) return undefined;
        const chosen = choice.map((index) => pick(words.kept, index));
        const capitals = chosen.map((word) => word.slice(0, 1));
        const spelled = spelling.spell(capitals.join(""));
        if (spelled === undefined) return undefined;
        const pieces = ["The", ...chosen.flatMap(words.piecesOf), " (", ...spelled.begun];
        if (!keepsBorders(tokenizer, pieces)) return undefined;
        return { prompt: pieces.join(""), answers: spelled.answers };
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
    notes: [...words.notes, ...spelling.notes],
  };
}

interface ChosenWords extends KeptWords {
  /** The pieces of a word in a prompt. */
  readonly piecesOf: (word: string) => readonly string[];
  readonly notes: readonly string[];
}

/** Words as capital and rest or, if there are hardly any, whole words. */
function chooseWords(tokenizer: TaskTokenizer, given: readonly string[]): ChosenWords {
  const isWord = (word: string) => /^[A-Z][a-z]+$/.test(word);
  const split = (word: string) => isWord(word) && isCapitalAndRest(tokenizer, word);
  const whole = (word: string) => isWord(word) && isOneToken(tokenizer, ` ${word}`);
  const different = new Set(given);
  const count = (passes: (word: string) => boolean) => [...different].filter(passes).length;
  if (count(split) >= FEW_WORDS || count(split) >= count(whole)) {
    const words = keepWords(TASK, "words", given, split, { least: 3, need: "capital and rest" });
    return { ...words, piecesOf: (word) => [` ${word.slice(0, 1)}`, word.slice(1)], notes: [] };
  }
  const words = keepWords(TASK, "words", given, whole, { least: 3, need: "one token with their space" });
  const note = "This tokenizer has hardly a word as capital and rest, so words of one token are used.";
  return { ...words, piecesOf: (word) => [` ${word}`], notes: [note] };
}

/** " Chief" as |␣C|hief|: two tokens, the first of which is the token of " C" alone. */
function isCapitalAndRest(tokenizer: TaskTokenizer, word: string): boolean {
  if (!/^[A-Z][a-z]+$/.test(word)) return false;
  const ids = tokenizer.encode(` ${word}`);
  const [capital, ...rest] = tokenizer.encode(` ${word.slice(0, 1)}`);
  return ids.length === 2 && rest.length === 0 && ids[0] === capital;
}
