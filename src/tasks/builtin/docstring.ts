/**
 * Arguments in a Python docstring (Heimersheim and Janiak 2023): a function has six arguments; the docstring
 * describes the third and fourth, and the fifth comes next. The two arguments before them and the last one are
 * never described. The wrong answers are the other arguments.
 */

import { createRandom } from "../random.ts";
import lists from "../word-lists/docstring.json" with { type: "json" };
import type { BuiltinTask, BuiltinTaskOptions, TaskTokenizer } from "./builtin-task.ts";
import { drawPrompts, SEEDED_SPACE } from "./draw-prompts.ts";
import { isOneToken, keepsBorders, keepWords, pick, tokenCount } from "./token-words.ts";

const TASK = "docstring";
const DEFAULT_COUNT = 150;
const ARGUMENTS = 6;
/** The function's name, its arguments, three words about it, and two about each of the two arguments. */
const WORDS = 1 + ARGUMENTS + 3 + 2 * 2;

/** @throws PithError "task" when the tokenizer leaves too few words. */
export function docstringTask(tokenizer: TaskTokenizer, options: BuiltinTaskOptions = {}): BuiltinTask {
  const words = keepWords(TASK, "words", lists.words, (word) => isOneToken(tokenizer, ` ${word}`), {
    least: 2 * WORDS,
    need: "one token with their space",
  });
  const examples = drawPrompts(
    {
      task: TASK,
      sizes: [SEEDED_SPACE],
      build: ([seed = 0]) => {
        const drawn = createRandom(seed)
          .shuffled(words.kept)
          .slice(0, WORDS)
          .map((word) => ` ${word}`);
        const names = drawn.slice(1, 1 + ARGUMENTS);
        const pieces = docstringPieces(drawn);
        const whole = pieces
          .filter((piece) => /^\w/.test(piece))
          .every((word) => isOneToken(tokenizer, word));
        if (!whole || !keepsBorders(tokenizer, pieces)) return undefined;
        return { prompt: pieces.join(""), answers: [pick(names, 4)], labels: names };
      },
    },
    options,
    DEFAULT_COUNT,
  );
  return {
    name: TASK,
    description: "The argument that is described next in a docstring, of the six that the function has.",
    examples,
    bos: false,
    promptTokens: tokenCount(tokenizer, examples[0]),
    words: [words.count],
    notes: [],
  };
}

/** @param words each with its space: the function's name, six arguments, and seven words of description. */
function docstringPieces(words: readonly string[]): readonly string[] {
  const [name, ...rest] = words;
  const names = rest.slice(0, ARGUMENTS);
  const told = rest.slice(ARGUMENTS);
  const [first = "", ...others] = told.slice(0, 3);
  return [
    ...["def", name ?? "", "(self"],
    ...names.flatMap((each) => [",", each]),
    ...['):\n    """', first.trimStart(), ...others, "\n\n    :param"],
    ...[pick(names, 2), ":", ...told.slice(3, 5), "\n    :param"],
    ...[pick(names, 3), ":", ...told.slice(5, 7), "\n    :param"],
  ];
}
