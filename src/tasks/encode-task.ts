/**
 * A task as the model sees it: token ids and accepted answers. Everything that depends on the tokenizer is
 * checked here, line by line in the file's order, so that errors do not depend on how the file was split.
 */
import { type ErrorPlace, PithError } from "../errors.ts";
import type { ChatTemplate } from "../tokenizer/chat-template.ts";
import { type PromptManner, promptTokens } from "../tokenizer/prompt-ids.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import {
  type AnswerTokenizer,
  encodeAnswers,
  encodeDistractors,
  encodeLabels,
  remembering,
} from "./encode-answers.ts";
import type { TaskSplits } from "./split.ts";
import { type TaskExample, taskName } from "./task-file.ts";

/**
 * An encoded example. A model answers it right when the most likely next token is an accepted answer. With an
 * answer of several tokens, each of them must be the most likely one after the prompt and the answer's tokens
 * before it (teacher forcing). With labels, an accepted answer's token must be the most likely among the labels'
 * tokens.
 */
export interface EncodedExample {
  /** The line of the task file, counted from 1. */
  readonly line: number;
  /** The prompt as text. */
  readonly prompt: string;
  /** The prompt's tokens, with the start token before them when bos is asked for. */
  readonly ids: readonly number[];
  /**
   * Token ids of the accepted answers: any number of one token each, or exactly one of several tokens. Empty
   * only in the patching split.
   */
  readonly answers: readonly (readonly number[])[];
  /** The tokens that an answer is chosen from; left out: the whole vocabulary. */
  readonly labels?: readonly number[];
  /**
   * The tokens of wrong answers that the right ones are compared with by their logits: the labels that are not
   * accepted, or what the task names. Left out: it names none.
   */
  readonly distractors?: readonly number[];
  /**
   * The input of a teacher-forced pass: `ids` and the answer's tokens except the last; `ids` for one-token
   * answers.
   */
  readonly forced: readonly number[];
  /** How many of the last positions of `forced` are answer positions: 1 for one-token answers. */
  readonly scored: number;
}

/** A task as the model sees it. */
export interface EncodedTask {
  /** The task's name. */
  readonly name: string;
  /** The prompts that means are computed over. */
  readonly patching: readonly EncodedExample[];
  /** The prompts that choose the circuit. */
  readonly validation: readonly EncodedExample[];
  /** The prompts that are used for neither; empty when the file has its own splits without a test split. */
  readonly test: readonly EncodedExample[];
}

export interface EncodeTaskOptions {
  /** Aligned means need prompts of one token length. */
  readonly means: "aligned" | "pooled";
  /** Whether the tokenizer's start token is put before every prompt. */
  readonly bos: boolean;
  /** The template that makes turns of the prompts; left out: they are read as they stand. */
  readonly chat?: ChatTemplate | undefined;
  /** The longest prompt that the model accepts, in tokens. */
  readonly contextLength: number;
  /** The file's name in errors. */
  readonly fileName: string;
}

type EncodingTokenizer = AnswerTokenizer & Pick<Tokenizer, "endOfTextId">;

/**
 * @throws PithError "task" with file and line: an empty split, a prompt of no tokens or too many, prompts of
 * unequal length under aligned means, an answer of several tokens where it must be one, a label that is not one
 * token, an answer that is not a label; "tokenizer" when bos is requested and the tokenizer has no start token.
 */
export function encodeTask(
  splits: TaskSplits,
  tokenizer: EncodingTokenizer,
  options: EncodeTaskOptions,
): EncodedTask {
  const file = options.fileName;
  for (const split of ["patching", "validation"] as const) {
    if (splits[split].length > 0) continue;
    throw new PithError("task", `the ${split} split is empty.`, {
      place: { file },
      advice: "A search needs prompts for the means (patching) and prompts that decide (validation).",
    });
  }
  const manner: PromptManner = { start: startId(tokenizer, options.bos), chat: options.chat };
  const inOrder = [...splits.patching, ...splits.validation, ...splits.test].sort((a, b) => a.line - b.line);
  const answerTokenizer = remembering(tokenizer);
  const encoded = new Map<TaskExample, EncodedExample>();
  let first: EncodedExample | undefined;
  for (const example of inOrder) {
    const result = encodeExample(example, tokenizer, answerTokenizer, manner, options);
    first ??= result;
    if (options.means === "aligned") checkAligned(result, first, file);
    encoded.set(example, result);
  }
  const pick = (examples: readonly TaskExample[]): readonly EncodedExample[] =>
    examples.flatMap((example) => encoded.get(example) ?? []);
  return {
    name: taskName(file),
    patching: pick(splits.patching),
    validation: pick(splits.validation),
    test: pick(splits.test),
  };
}

function startId(tokenizer: EncodingTokenizer, bos: boolean): number | undefined {
  if (!bos) return undefined;
  if (tokenizer.endOfTextId !== undefined) return tokenizer.endOfTextId;
  throw new PithError("tokenizer", "has no token to put before a prompt, as bos asks for.", {
    advice: "Leave --bos out, or name a bos_token in tokenizer_config.json.",
  });
}

function encodeExample(
  example: TaskExample,
  tokenizer: EncodingTokenizer,
  answerTokenizer: AnswerTokenizer,
  manner: PromptManner,
  options: EncodeTaskOptions,
): EncodedExample {
  const place = { file: options.fileName, line: example.line };
  const ids = promptTokens(tokenizer, example.prompt, manner, example.system);
  const started = manner.start !== undefined && manner.chat === undefined ? 1 : 0;
  if (ids.length === started) throw new PithError("task", "the prompt has no tokens", { place });
  const labels = example.labels && encodeLabels(example.labels, example.answers, answerTokenizer, place);
  const answers = encodeAnswers(example.answers, answerTokenizer, options.means, place);
  const distractors = labels
    ? labels.filter((label) => !answers.some(([token]) => token === label))
    : example.distractors && encodeDistractors(example.distractors, answers, answerTokenizer, place);
  const [first = []] = answers;
  const forced = [...ids, ...first.slice(0, -1)];
  checkLength(forced.length, started, options.contextLength, place, forced.length > ids.length);
  const { line, prompt } = example;
  return {
    ...{ line, prompt, ids, answers, ...(labels && { labels }) },
    ...(distractors && distractors.length > 0 && { distractors }),
    ...{ forced, scored: Math.max(1, first.length) },
  };
}

function checkLength(
  length: number,
  prefix: number,
  most: number,
  place: ErrorPlace,
  withAnswer: boolean,
): void {
  if (length <= most) return;
  const what = withAnswer ? "the prompt and its answer have" : "the prompt has";
  const bos = prefix > 0 ? " with the one that bos puts before it" : "";
  throw new PithError("task", `${what} ${length} tokens${bos}, the model takes ${most}`, { place });
}

function checkAligned(example: EncodedExample, first: EncodedExample, file: string): void {
  if (example.ids.length === first.ids.length) return;
  throw new PithError(
    "task",
    `the prompt has ${example.ids.length} tokens, the one in line ${first.line} has ${first.ids.length}; aligned means need prompts of one length.`,
    {
      place: { file, line: example.line },
      advice: "Circuits with pooled means (pith extract --means pooled) take prompts of any length.",
    },
  );
}
