/** Prepares a task for a model: splits, token ids, and the prompts of a pass. */
import type { SearchSets } from "../discovery/prepare.ts";
import { chatExample } from "../tasks/chat-example.ts";
import { type EncodedExample, type EncodedTask, encodeTask } from "../tasks/encode-task.ts";
import { splitExamples } from "../tasks/split.ts";
import type { TaskExample } from "../tasks/task-file.ts";
import { type ChatTemplate, chatTemplateOf } from "../tokenizer/chat-template.ts";
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
   * Whether the prompts are put through the model's chat template, each as a user's turn, with the answer where the
   * assistant's turn begins.
   * @defaultValue what the task says, else false
   */
  readonly chat?: boolean | undefined;
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
  { means, bos, chat: wanted = false, seed }: EncodeOptions,
): EncodedTask {
  const chat = templateFor(tokenizer, wanted);
  const splits = splitExamples(asAsked(task.examples, chat), { seed, fileName: task.path });
  return encodeTask(splits, tokenizer, { means, bos, chat, contextLength, fileName: task.path });
}

/** @throws PithError "tokenizer" where a chat is wanted of a model without a template. */
export function templateFor({ files }: Pick<Tokenizer, "files">, chat: boolean): ChatTemplate | undefined {
  return chat ? chatTemplateOf(files) : undefined;
}

/**
 * The examples as they are put to the model: in a chat, answers are written as its template writes them.
 * @param system the system turn of those that have none.
 */
export function asAsked(
  examples: readonly TaskExample[],
  chat: ChatTemplate | undefined,
  system?: string,
): readonly TaskExample[] {
  if (chat === undefined) return examples;
  return examples.map((example) => ({
    ...(system !== undefined && { system }),
    ...chatExample(example, chat.answerSpace),
  }));
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
