/**
 * The words for which a circuit is compiled: those of its task's prompts, of a built-in task's lists, and of
 * additional prompts.
 */
import type { CircuitFolder } from "../../export/read-folder.ts";
import type { PromptVocabulary } from "../../lowering/compiled.ts";
import type { EncodedExample } from "../../tasks/encode-task.ts";
import type { TaskExample } from "../../tasks/task-file.ts";
import { encodeExamples } from "../load-circuit.ts";
import { readTask, type Task } from "../read-task.ts";

/**
 * Number of prompts drawn of a built-in task, so that nearly every word of its lists occurs at each of its
 * positions: for a list of 300 words, one word is missed in 10⁴ lists.
 */
const promptsDrawn = 4000;

/** @param more prompts of the same length whose words are included. */
export async function wordsOf(
  folder: CircuitFolder,
  task: Task,
  examples: readonly EncodedExample[],
  more: Task | undefined,
): Promise<PromptVocabulary> {
  const encode = (others: readonly TaskExample[], path: string) =>
    others.length === 0 ? [] : encodeExamples(folder, others, path);
  const all = [
    ...examples,
    ...encode(await drawn(folder, task), task.path),
    ...encode(more?.examples ?? [], more?.path ?? ""),
  ];
  const length = examples[0]?.ids.length ?? 0;
  return {
    positions: Array.from({ length }, (_, position) =>
      ascending(all.flatMap(({ ids }) => ids[position] ?? [])),
    ),
    answers: ascending(all.flatMap(({ answers, labels }) => [...answers.flat(), ...(labels ?? [])])),
  };
}

/** More prompts of a built-in task, from its other end; fewer if its words don't give so many. */
async function drawn({ circuit, tokenizer }: CircuitFolder, task: Task): Promise<readonly TaskExample[]> {
  if (task.builtin === undefined) return [];
  const { means } = circuit.replacement;
  const { seed } = circuit.task;
  for (let count = promptsDrawn; count >= 1; count = Math.floor(count / 2)) {
    const counts = { patching: 0, validation: count, test: 0 };
    const options = { tokenizer, means, seed: seed + 1, counts };
    const found = await readTask(task.builtin, options).catch(() => undefined);
    if (found !== undefined) return found.examples;
  }
  return [];
}

const ascending = (ids: readonly number[]): readonly number[] => [...new Set(ids)].sort((a, b) => a - b);
