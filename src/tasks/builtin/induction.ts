/**
 * Induction on random tokens (Olsson et al. 2022, section "Random repeated sequences"): words in random order,
 * then some of them again: " tree … stone red walk … stone red" → " walk". Only the first occurrence of the words
 * gives the answer. The place of the repetition is drawn, so that no fixed distance leads to it.
 */
import { PithError } from "../../errors.ts";
import { createRandom } from "../random.ts";
import type { BuiltinTask, BuiltinTaskOptions, VocabularyTokenizer, WordCount } from "./builtin-task.ts";
import { drawPrompts, SEEDED_SPACE } from "./draw-prompts.ts";
import { isOneToken, keepsBorders, pick, tokenCount } from "./token-words.ts";

const TASK = "induction";
const DEFAULT_COUNT = 150;
/** Number of different words before any is repeated. @internal */
export const INDUCTION_WORDS = 20;
/** Number of repeated words, with the answer's predecessor last. @internal */
export const INDUCTION_REPEATED = 4;
/**
 * A token of letters with its space, in lower case. Most of them are whole words; some are only the beginning of longer
 * ones, which does no harm: the source's tokens are random, too.
 */
const PLAIN_WORD = /^ [a-z]{4,}$/;
/** This number is enough. In most vocabularies, whose tokens are sorted by frequency, the words come first. */
const MOST_WORDS = 2000;
const LEAST_WORDS = 10 * INDUCTION_WORDS;

/** @throws PithError "task" when the vocabulary has too few plain words. */
export function inductionTask(tokenizer: VocabularyTokenizer, options: BuiltinTaskOptions = {}): BuiltinTask {
  const { kept, count } = plainWords(tokenizer);
  const examples = drawPrompts(
    {
      task: TASK,
      sizes: [SEEDED_SPACE],
      build: ([seed = 0]) => {
        const random = createRandom(seed);
        const words = drawDifferent(kept, INDUCTION_WORDS, random.below);
        // Not the very first word, because many models treat the first position differently.
        const start = 1 + random.below(INDUCTION_WORDS - INDUCTION_REPEATED - 1);
        const pieces = [...words, ...words.slice(start, start + INDUCTION_REPEATED)];
        if (!keepsBorders(tokenizer, pieces)) return undefined;
        return { prompt: pieces.join(""), answers: [pick(words, start + INDUCTION_REPEATED)] };
      },
    },
    options,
    DEFAULT_COUNT,
  );
  return {
    name: TASK,
    description: `${INDUCTION_WORDS} random tokens, each a word or its beginning, then ${INDUCTION_REPEATED} of them again: the one that came next the first time.`,
    examples,
    bos: false,
    promptTokens: tokenCount(tokenizer, examples[0]),
    words: [count],
    notes: [],
  };
}

/** The vocabulary's first tokens that are a plain word with its space, as texts. */
function plainWords(tokenizer: VocabularyTokenizer): {
  readonly kept: readonly string[];
  readonly count: WordCount;
} {
  const words: string[] = [];
  let looked = 0;
  for (; looked < tokenizer.vocabularySize && words.length < MOST_WORDS; looked++) {
    const text = tokenizer.tokenText(looked);
    if (PLAIN_WORD.test(text) && isOneToken(tokenizer, text)) words.push(text);
  }
  if (words.length < LEAST_WORDS) {
    throw new PithError(
      "task",
      `${TASK}: ${words.length} of ${looked} tokens are plain words of four letters or more; ${LEAST_WORDS} are needed.`,
      { advice: "The task can't be asked of this model." },
    );
  }
  return { kept: words, count: { kind: "tokens", given: looked, kept: words.length } };
}

/** @param count far below the number of items. */
function drawDifferent(
  items: readonly string[],
  count: number,
  below: (bound: number) => number,
): readonly string[] {
  const drawn = new Set<string>();
  while (drawn.size < count) drawn.add(pick(items, below(items.length)));
  return [...drawn];
}
