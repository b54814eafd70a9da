/**
 * The pronoun of a first name (Mathwin and Corlouer 2023): "So Mary is a really good cook, isn't" → " she". The wrong
 * answer is the other pronoun.
 */
import lists from "../word-lists/pronouns.json" with { type: "json" };
import type { BuiltinTask, BuiltinTaskOptions, TaskTokenizer } from "./builtin-task.ts";
import { drawPrompts } from "./draw-prompts.ts";
import { isOneToken, keepsBorders, keepWords, pick, tokenCount } from "./token-words.ts";

const TASK = "pronouns";
const DEFAULT_COUNT = 150;
const PRONOUNS = ["he", "she"] as const;

/** @throws PithError "task" when the tokenizer leaves too few words for the requested prompts. */
export function pronounTask(tokenizer: TaskTokenizer, options: BuiltinTaskOptions = {}): BuiltinTask {
  const keep = (kind: string, words: readonly string[], least = 1) =>
    keepWords(TASK, kind, words, (word) => isOneToken(tokenizer, ` ${word}`), {
      least,
      need: "one token with their space",
    });
  keep("pronouns", PRONOUNS, 2);
  const names = { he: keep("names of men", lists.he), she: keep("names of women", lists.she) };
  const adjectives = keep("adjectives", lists.adjectives);
  const roles = keep("roles", lists.roles);
  // Equal numbers of names, so that neither pronoun is the more likely answer.
  const count = Math.min(names.he.kept.length, names.she.kept.length);
  const labels = PRONOUNS.map((pronoun) => ` ${pronoun}`);
  const examples = drawPrompts(
    {
      task: TASK,
      sizes: [2, count, adjectives.kept.length, roles.kept.length],
      build: ([which, name, adjective, role]) => {
        const pronoun = pick(PRONOUNS, which);
        const pieces = [
          ...["So", ` ${pick(names[pronoun].kept, name)}`, " is a really"],
          ...[` ${pick(adjectives.kept, adjective)}`, ` ${pick(roles.kept, role)}`, ", isn't"],
        ];
        if (!keepsBorders(tokenizer, pieces)) return undefined;
        return { prompt: pieces.join(""), answers: [` ${pronoun}`], labels };
      },
    },
    options,
    DEFAULT_COUNT,
  );
  return {
    name: TASK,
    description: "He or she, by a first name that is mostly given to one of them.",
    examples,
    bos: false,
    promptTokens: tokenCount(tokenizer, examples[0]),
    words: [names.he.count, names.she.count, adjectives.count, roles.count],
    notes: [],
  };
}
