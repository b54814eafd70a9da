/**
 * A task as the model sees it: token ids and accepted answers. Everything that depends on the tokenizer is
 * checked here, line by line in the file's order, so that the error does not depend on how the file was split.
 */
import { type ErrorPlace, PithError } from "../errors.ts";
import { quote } from "../tokenizer/printable.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TaskSplits } from "./split.ts";
import { type TaskExample, taskName } from "./task-file.ts";

/** An example is right when the most likely next token is the first token of an accepted answer. */
export interface EncodedExample {
  /** 1-based line of the task file. */
  readonly line: number;
  readonly prompt: string;
  /** The prompt's tokens, with the start token before them when bos is asked for. */
  readonly ids: readonly number[];
  /** Token ids of each accepted answer; today each is exactly one token. Empty only in the patching split. */
  readonly answers: readonly (readonly number[])[];
}

export interface EncodedTask {
  readonly name: string;
  readonly patching: readonly EncodedExample[];
  readonly validation: readonly EncodedExample[];
  /** May be empty when the file carries its own splits. */
  readonly test: readonly EncodedExample[];
}

export interface EncodeTaskOptions {
  /** Aligned means need prompts of one token length. */
  readonly means: "aligned" | "pooled";
  /** Whether the tokenizer's start token is put before every prompt. */
  readonly bos: boolean;
  /** The longest prompt that the model takes, in tokens. */
  readonly contextLength: number;
  /** As errors show it. */
  readonly fileName: string;
}

type EncodingTokenizer = Pick<Tokenizer, "encode" | "tokenText" | "endOfTextId">;

/**
 * @throws PithError "task" with file and line: an empty split, a prompt of no tokens or too many, prompts of
 *   unequal length under aligned means, an answer that is not one token; "tokenizer" when bos is asked of a
 *   tokenizer that has none.
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
  const prefix = startIds(tokenizer, options.bos);
  const inOrder = [...splits.patching, ...splits.validation, ...splits.test].sort((a, b) => a.line - b.line);
  const encoded = new Map<TaskExample, EncodedExample>();
  let first: EncodedExample | undefined;
  for (const example of inOrder) {
    const result = encodeExample(example, tokenizer, prefix, options);
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

function startIds(tokenizer: EncodingTokenizer, bos: boolean): readonly number[] {
  if (!bos) return [];
  if (tokenizer.endOfTextId !== undefined) return [tokenizer.endOfTextId];
  throw new PithError("tokenizer", "has no token to put before a prompt, as bos asks for.", {
    advice: "Leave --bos out, or name a bos_token in tokenizer_config.json.",
  });
}

function encodeExample(
  example: TaskExample,
  tokenizer: EncodingTokenizer,
  prefix: readonly number[],
  options: EncodeTaskOptions,
): EncodedExample {
  const place = { file: options.fileName, line: example.line };
  const promptIds = tokenizer.encode(example.prompt);
  if (promptIds.length === 0) throw new PithError("task", "the prompt has no tokens", { place });
  const ids = [...prefix, ...promptIds];
  if (ids.length > options.contextLength) {
    const counted =
      prefix.length > 0
        ? `${ids.length} tokens with the one that bos puts before it`
        : `${ids.length} tokens`;
    throw new PithError("task", `the prompt has ${counted}, the model takes ${options.contextLength}`, {
      place,
    });
  }
  return {
    line: example.line,
    prompt: example.prompt,
    ids,
    answers: example.answers.map((answer) => encodeAnswer(answer, tokenizer, place)),
  };
}

function encodeAnswer(answer: string, tokenizer: EncodingTokenizer, place: ErrorPlace): readonly number[] {
  const ids = tokenizer.encode(answer);
  if (ids.length === 1) return ids;
  const pieces = ids.slice(0, 12).map((id) => `"${tokenizer.tokenText(id)}"`);
  const split =
    ids.length === 0
      ? "no tokens"
      : `${ids.length} tokens, ${pieces.join(" + ")}${ids.length > 12 ? " + …" : ""}`;
  // The usual slip: words inside a text carry their space.
  const spaced = !answer.startsWith(" ") && tokenizer.encode(` ${answer}`).length === 1;
  throw new PithError("task", `the answer ${quote(answer)} is ${split}; it must be one.`, {
    place,
    advice: spaced
      ? `With a space before it, ${quote(` ${answer}`)}, it is.`
      : "Choose an answer that the tokenizer has whole.",
  });
}

function checkAligned(example: EncodedExample, first: EncodedExample, file: string): void {
  if (example.ids.length === first.ids.length) return;
  throw new PithError(
    "task",
    `the prompt has ${example.ids.length} tokens, the one in line ${first.line} has ${first.ids.length}; aligned means need prompts of one length.`,
    { place: { file, line: example.line }, advice: "Use --means pooled for prompts of any length." },
  );
}
