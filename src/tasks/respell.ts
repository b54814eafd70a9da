/**
 * Writes an example in the other way: with the space on the other side of the border between prompt and answer.
 * Most tokenizers join a space to the word after it. So "to" + " Mary", "to" + "Mary" and "to " + "Mary" are
 * three different questions to a model, and it has learned only one of them.
 */
import type { TaskExample } from "./task-example.ts";

/** Blanks that a tokenizer joins to the next word; a line end belongs to its prompt. */
const endBlanks = /[ \t\u00a0]+$/;

/** Whether a prompt ends in a blank. */
export function endsInSpace(prompt: string): boolean {
  return endBlanks.test(prompt);
}

/**
 * If the prompt ends in blanks, they are removed, and the answers, labels and distractors get a space. If not,
 * they get a space before them, or lose it if the first answer has one.
 */
export function respell(example: TaskExample): TaskExample {
  const { prompt, answers, labels, distractors } = example;
  const remove = !endsInSpace(prompt) && answers[0]?.startsWith(" ") === true;
  const other = (text: string) =>
    remove ? text.replace(/^ /, "") : text.startsWith(" ") ? text : ` ${text}`;
  return {
    ...example,
    prompt: prompt.replace(endBlanks, ""),
    answers: answers.map(other),
    ...(labels && { labels: labels.map(other) }),
    ...(distractors && { distractors: distractors.map(other) }),
  };
}
