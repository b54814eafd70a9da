/**
 * Reads a sweep's tasks by name or file, with different prompts for each seed (Node): a built-in task draws new
 * ones, a task file is split again. All of them are encoded before the sweep begins, so that an error in the last
 * task shows at once and not after hours.
 */

import type { Model } from "../jobs/load-model.ts";
import { encodePrompts } from "../jobs/prompts.ts";
import { readTask } from "../jobs/read-task.ts";
import type { SweepSource, SweepTask } from "./sweep-plan.ts";

/** Options for reading the tasks of a sweep. */
export interface ReadSweepTasksOptions {
  /**
   * How means are computed: one for each position ("aligned", prompts of one length), or one for all ("pooled").
   */
  readonly means: "aligned" | "pooled";
  /**
   * Whether the start token is put before every prompt.
   * @defaultValue as each task says
   */
  readonly bos?: boolean | undefined;
  /**
   * Whether the prompts are turns of a chat.
   * @defaultValue as each task says
   */
  readonly chat?: boolean | undefined;
  /** The seeds: each draws a built-in task's prompts, or splits a file, differently. */
  readonly seeds: readonly number[];
  /**
   * Aborting it ends the wait for a pipe without a writer.
   * @defaultValue none
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads tasks by name or path, with different prompts for each seed, and encodes them for the model.
 * @param names built-in tasks, or paths of task files.
 * @throws PithError "task" or "options", as reading and encoding a task do.
 */
export async function readSweepTasks(
  model: Model,
  names: readonly string[],
  { means, bos, chat, seeds, signal }: ReadSweepTasksOptions,
): Promise<readonly SweepTask[]> {
  const tasks: SweepTask[] = [];
  for (const name of names) {
    const read = (seed: number) => readTask(name, { tokenizer: model.tokenizer, seed, means, chat, signal });
    const [first, ...others] = [...new Set(seeds)];
    if (first === undefined) continue;
    const task = await read(first);
    // A file that assigns its examples to splits gives the same split for every seed.
    const fixed = task.builtin === undefined && task.examples.some(({ split }) => split !== undefined);
    const draws = [];
    let source: SweepSource | undefined;
    for (const seed of fixed ? [first] : [first, ...others]) {
      const drawn = task.builtin === undefined || seed === first ? task : await read(seed);
      const options = { means, bos: bos ?? drawn.bos ?? false, chat: chat ?? drawn.chat ?? false, seed };
      const { transformer, tokenizer } = model;
      const encoded = encodePrompts(drawn, tokenizer, transformer.contextLength, options);
      draws.push({ seed, encoded });
      source ??= { task: drawn, encoded, bos: options.bos, chat: options.chat };
    }
    const notes =
      fixed && others.length > 0
        ? [`${task.path} has its own splits, the same for every seed: it runs once, as seed ${first}.`]
        : [];
    tasks.push({ name: task.name, draws, notes, ...(source && { source }) });
  }
  return tasks;
}
