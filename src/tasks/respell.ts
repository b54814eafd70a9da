/**
 * The other way to write an example: with the space on the other side of the border between prompt and answer.
 * Most tokenizers join a space to the word after it, so to a model "to" + " Mary", "to" + "Mary" and "to " + "Mary"
 * are three different questions, and only one of them is what it has learned.
 */
import type { TaskExample } from "./task-example.ts";

/** Blanks that a tokenizer joins to the next word; a line end belongs to its prompt. */
const endBlanks = /[ \t\u00a0]+$/;

/** Whether a prompt ends in a blank. */
export function endsInSpace(prompt: string): boolean {
  return endBlanks.test(prompt);
}

/**
 * Blanks at the prompt's end are taken off, and the answers and labels get a space; where the prompt has none, the
 * answers and labels get a space before them, or lose it if the first answer has one.
 */
export function respell(example: TaskExample): TaskExample {
  const { prompt, answers, labels } = example;
  const remove = !endsInSpace(prompt) && answers[0]?.startsWith(" ") === true;
  const other = (text: string) =>
    remove ? text.replace(/^ /, "") : text.startsWith(" ") ? text : ` ${text}`;
  return {
    ...example,
    prompt: prompt.replace(endBlanks, ""),
    answers: answers.map(other),
    ...(labels && { labels: labels.map(other) }),
  };
}
