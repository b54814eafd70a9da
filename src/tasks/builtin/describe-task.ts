/** Shows a task to a person before its use: samples with their token boundaries. */
import type { ChatTemplate } from "../../tokenizer/chat-template.ts";
import { promptTokens } from "../../tokenizer/prompt-ids.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { chatExample, chatNotes } from "../chat-example.ts";
import type { Split, TaskExample } from "../task-file.ts";
import type { BuiltinTask, WordCount } from "./builtin-task.ts";

interface TaskSample {
  readonly prompt: string;
  /** "|The| C|hief|…|": every token between bars, with the start token where the task asks for it. */
  readonly boundaries: string;
  /** As `promptTokens` counts: without the start token. */
  readonly tokens: number;
  readonly answers: readonly string[];
  /** The texts that the answer is chosen from; left out: the whole vocabulary. */
  readonly labels?: readonly string[];
}

/** A built-in task, or one of a file, whose examples have their splits. */
export type DescribedTask = Omit<BuiltinTask, "name"> & { readonly name: string };

export interface TaskDescription {
  readonly name: string;
  readonly description: string;
  readonly bos: boolean;
  /** Of every prompt, without the start token that `bos` asks for; undefined when they differ. */
  readonly promptTokens: number | undefined;
  readonly prompts: Readonly<Record<Split, number>>;
  readonly words: readonly WordCount[];
  readonly notes: readonly string[];
  readonly samples: readonly TaskSample[];
}

/**
 * @param count how many samples, from the validation split on (they carry answers); left out: 5.
 * @param chat the template that makes turns of the prompts; left out: they stand as they are.
 */
export function describeTask(
  task: DescribedTask,
  tokenizer: Pick<Tokenizer, "encode" | "tokenText" | "endOfTextId">,
  count = 5,
  chat?: ChatTemplate,
): TaskDescription {
  const { name, description, bos, words } = task;
  const start = bos ? tokenizer.endOfTextId : undefined;
  const having = (split: Split) => task.examples.filter((example) => example.split === split);
  const samples = [...having("validation"), ...having("test"), ...having("patching")].slice(0, count);
  const idsOf = ({ prompt, system }: TaskExample, before: number | undefined) =>
    promptTokens(tokenizer, prompt, { start: before, chat }, system);
  const shown = samples.map((sample) => {
    const { prompt, answers, labels } = chat === undefined ? sample : chatExample(sample, chat.answerSpace);
    const ids = idsOf(sample, undefined);
    const boundaries = showBoundaries(idsOf(sample, start), tokenizer);
    return { prompt, boundaries, tokens: ids.length, answers, ...(labels && { labels }) };
  });
  return {
    ...{ name, description, bos, words },
    promptTokens:
      chat === undefined && task.promptTokens !== undefined
        ? task.promptTokens
        : commonLength(task.examples, idsOf),
    notes: [...task.notes, ...(chat === undefined ? [] : chatNotes(samples, chat, tokenizer, start))],
    prompts: {
      patching: having("patching").length,
      validation: having("validation").length,
      test: having("test").length,
    },
    samples: shown,
  };
}

function commonLength(
  examples: readonly TaskExample[],
  idsOf: (example: TaskExample, start: undefined) => readonly number[],
): number | undefined {
  const [length, ...others] = new Set(examples.map((example) => idsOf(example, undefined).length));
  return others.length === 0 ? length : undefined;
}

/** "|The| C|hief|" of token ids. @internal */
export function showBoundaries(ids: readonly number[], tokenizer: Pick<Tokenizer, "tokenText">): string {
  return `|${ids.map((id) => `${tokenizer.tokenText(id)}|`).join("")}`;
}
