/** Selects the words that a tokenizer encodes as a task needs. */
import { PithError } from "../../errors.ts";
import type { TaskTokenizer, WordCount } from "./builtin-task.ts";

/** Whether the text is one token. */
export function isOneToken(tokenizer: TaskTokenizer, text: string): boolean {
  return tokenizer.encode(text).length === 1;
}

/** Whether a text is encoded piece by piece, so that no token crosses a border between pieces. */
export function keepsBorders(tokenizer: TaskTokenizer, pieces: readonly string[]): boolean {
  const whole = tokenizer.encode(pieces.join(""));
  const parts = pieces.flatMap((piece) => tokenizer.encode(piece));
  return whole.length === parts.length && whole.every((id, i) => id === parts[i]);
}

export interface KeptWords {
  readonly kept: readonly string[];
  readonly count: WordCount;
}

/**
 * The words that pass, without repeats, in the list's order.
 * @param least the smallest number of words for the task.
 * @param need the requirement as the error states it: "one token with its space".
 * @throws PithError "task" when fewer pass.
 */
export function keepWords(
  task: string,
  kind: string,
  words: readonly string[],
  passes: (word: string) => boolean,
  { least, need }: { readonly least: number; readonly need: string },
): KeptWords {
  const given = [...new Set(words)];
  const kept = given.filter(passes);
  if (kept.length < least) {
    throw new PithError(
      "task",
      `${task}: ${kept.length} of ${given.length} ${kind} are ${need} for this tokenizer; ${least} are needed.`,
      { advice: "Give words that the tokenizer has, or write a task file of your own." },
    );
  }
  return { kept, count: { kind, given: given.length, kept: kept.length } };
}

/** An entry of a list by a number that was drawn for it. */
export function pick<T>(items: readonly T[], index: number | undefined): T {
  const item = index === undefined ? undefined : items[index];
  if (item === undefined) throw new RangeError(`no entry ${index} in a list of ${items.length}`);
  return item;
}

/** Tokens of a prompt; undefined where there is none. */
export function tokenCount(
  tokenizer: TaskTokenizer,
  example: { readonly prompt: string } | undefined,
): number | undefined {
  return example === undefined ? undefined : tokenizer.encode(example.prompt).length;
}

/**
 * The largest group of items of one length, and that length; of groups of the same size the shorter one. Aligned
 * means need it.
 */
export function ofOneLength<T>(
  items: readonly T[],
  lengthOf: (item: T) => number,
): { readonly kept: readonly T[]; readonly length: number | undefined } {
  const measured = items.map((item) => ({ item, length: lengthOf(item) }));
  const groups = [...new Set(measured.map(({ length }) => length))]
    .map((length) => ({
      length,
      kept: measured.filter((other) => other.length === length).map(({ item }) => item),
    }))
    .sort((a, b) => b.kept.length - a.kept.length || a.length - b.length);
  return groups[0] ?? { kept: [], length: undefined };
}
