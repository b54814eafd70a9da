/** Shows a built-in task to a person before its use: samples with their token boundaries. */
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { Split } from "../task-file.ts";
import type { BuiltinTask, BuiltinTaskName, WordCount } from "./builtin-task.ts";

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

export interface TaskDescription {
  readonly name: BuiltinTaskName;
  readonly description: string;
  readonly bos: boolean;
  /** Of every prompt, without the start token that `bos` asks for; undefined when they differ. */
  readonly promptTokens: number | undefined;
  readonly prompts: Readonly<Record<Split, number>>;
  readonly words: readonly WordCount[];
  readonly notes: readonly string[];
  readonly samples: readonly TaskSample[];
}

/** @param count how many samples, from the validation split on (they carry answers); left out: 5. */
export function describeTask(
  task: BuiltinTask,
  tokenizer: Pick<Tokenizer, "encode" | "tokenText" | "endOfTextId">,
  count = 5,
): TaskDescription {
  const { name, description, bos, promptTokens, words, notes } = task;
  const start = bos && tokenizer.endOfTextId !== undefined ? [tokenizer.endOfTextId] : [];
  const having = (split: Split) => task.examples.filter((example) => example.split === split);
  const samples = [...having("validation"), ...having("test"), ...having("patching")].slice(0, count);
  return {
    ...{ name, description, bos, promptTokens, words, notes },
    prompts: {
      patching: having("patching").length,
      validation: having("validation").length,
      test: having("test").length,
    },
    samples: samples.map(({ prompt, answers, labels }) => {
      const ids = tokenizer.encode(prompt);
      const boundaries = showBoundaries([...start, ...ids], tokenizer);
      return { prompt, boundaries, tokens: ids.length, answers, ...(labels && { labels }) };
    }),
  };
}

/** "|The| C|hief|" of token ids. @internal */
export function showBoundaries(ids: readonly number[], tokenizer: Pick<Tokenizer, "tokenText">): string {
  return `|${ids.map((id) => `${tokenizer.tokenText(id)}|`).join("")}`;
}
