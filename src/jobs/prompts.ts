/** Prepares a task for a model: splits, token ids, and the prompts of a pass. */
import type { SearchSets } from "../discovery/prepare.ts";
import { type EncodedExample, type EncodedTask, encodeTask } from "../tasks/encode-task.ts";
import { splitExamples } from "../tasks/split.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Task } from "./read-task.ts";

export interface EncodeOptions {
  /**
   * How means are computed: one for each position ("aligned", prompts of one length), or one for all ("pooled").
   * @defaultValue "aligned"
   */
  readonly means: "aligned" | "pooled";
  /**
   * Whether the start token is put before every prompt.
   * @defaultValue what the task says, else false
   */
  readonly bos: boolean;
  /**
   * The seed for splitting a task file that does not say how.
   * @defaultValue 0
   */
  readonly seed: number;
}

export function encodePrompts(
  task: Task,
  tokenizer: Tokenizer,
  contextLength: number,
  { means, bos, seed }: EncodeOptions,
): EncodedTask {
  const splits = splitExamples(task.examples, { seed, fileName: task.path });
  return encodeTask(splits, tokenizer, { means, bos, contextLength, fileName: task.path });
}

/** The inputs of a search: prompts with their teacher-forced answers, and the positions of the answers. */
export function searchSets({ patching, validation }: EncodedTask): SearchSets {
  return {
    patching: patching.map(({ forced }) => forced),
    validation: validation.map(({ forced }) => forced),
    scored: validation.map(({ scored }) => scored),
  };
}

/** The prompts alone, as a user gives them. */
export function tokenIds(examples: readonly EncodedExample[]): readonly (readonly number[])[] {
  return examples.map((example) => example.ids);
}
