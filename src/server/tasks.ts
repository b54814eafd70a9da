/** A page's task, built-in or typed, prepared for a run. Long work pauses for requests. */
import { createHash } from "node:crypto";
import { PithError } from "../errors.ts";
import type { Model } from "../jobs/load-model.ts";
import { asAsked, encodePrompts, templateFor } from "../jobs/prompts.ts";
import { readTask, saysChat, type Task } from "../jobs/read-task.ts";
import type { EncodedTask } from "../tasks/encode-task.ts";
import { readExamples, type TaskExample, taskName } from "../tasks/task-file.ts";
import { promptTokens } from "../tokenizer/prompt-ids.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { RunOptions, TaskSource } from "./api.ts";
import { createPauses } from "./runs/pauses.ts";

export type TextSource = Extract<TaskSource, { kind: "text" }>;

/** The same task as `pith extract` would read from a file of that name. @throws PithError "task". */
export async function taskOfSource(source: TaskSource, model: Model, options: RunOptions): Promise<Task> {
  if (source.kind === "builtin") {
    const { seed, means, chat } = options;
    return readTask(source.name, { tokenizer: model.tokenizer, seed, means, chat });
  }
  const examples: TaskExample[] = [];
  const pause = createPauses();
  for (const found of examplesIn(source, model)) {
    if (found instanceof PithError) throw found;
    if (found !== undefined) examples.push(found);
    await pause();
  }
  return textTask(source, examples);
}

/** Characters for each token of the model's context: a longer text has more tokens than fit. */
const mostCharacters = 64;

/** Gives the examples one after another, or what is wrong with them; undefined after a while without any. */
export function* examplesIn(
  source: TextSource,
  { transformer: { contextLength } }: Model,
): Generator<TaskExample | PithError | undefined, void> {
  const file = taskFileName(source);
  for (const found of readExamples(source.text, file)) {
    if (found === undefined || found instanceof PithError) yield found;
    else {
      const { prompt, answers, labels = [], distractors = [], line } = found;
      // An example may have more answers than a call may have arguments.
      const texts = [prompt, ...answers, ...labels, ...distractors];
      const longest = texts.reduce((most, text) => Math.max(most, text.length), 0);
      // Encoding a megabyte takes many seconds and would block everything else.
      const fits = longest <= mostCharacters * contextLength;
      const message = `has a text of ${longest} characters, and the model takes ${contextLength} tokens.`;
      yield fits ? found : new PithError("task", message, { place: { file, line } });
    }
  }
}

export function textTask(source: TextSource, examples: readonly TaskExample[]): Task {
  const path = taskFileName(source);
  const sha256 = createHash("sha256").update(source.text).digest("hex");
  return { name: taskName(path), examples, path, sha256, ...(saysChat(examples, path) && { chat: true }) };
}

export function taskFileName({ name, format }: TextSource): string {
  return `${name}.${format}`;
}

/** The prompts of a run. @throws PithError "task". */
export async function encodeFor(task: Task, model: Model, options: RunOptions): Promise<EncodedTask> {
  const prepared = { ...model, tokenizer: await encodeAhead(task.examples, model.tokenizer) };
  return encodeNow(task, prepared, options);
}

/** Encodes everything at once. @param model whose tokenizer has encoded the examples before (`encodeAhead`). */
export function encodeNow(task: Task, model: Model, options: RunOptions): EncodedTask {
  const bos = options.bos ?? task.bos ?? false;
  const chat = options.chat ?? task.chat ?? false;
  return encodePrompts(task, model.tokenizer, model.transformer.contextLength, { ...options, bos, chat });
}

/**
 * The tokenizer with the texts of these examples already encoded. Later steps run without pauses, and without
 * this the tokenizer would take nearly all of their time.
 */
export async function encodeAhead(
  examples: readonly TaskExample[],
  tokenizer: Tokenizer,
  signal?: AbortSignal,
): Promise<Tokenizer> {
  const known = new Map<string, readonly number[]>();
  const pause = createPauses();
  for (const { prompt, answers, labels = [], distractors = [] } of examples) {
    for (const text of [prompt, ...answers, ...labels, ...distractors]) {
      if (known.has(text)) continue;
      try {
        known.set(text, tokenizer.encode(text));
      } catch (error) {
        // A text that can't be encoded is reported later, with its line.
        if (!(error instanceof PithError)) throw error;
      }
      await pause();
      signal?.throwIfAborted();
    }
  }
  return { ...tokenizer, encode: (text) => [...(known.get(text) ?? tokenizer.encode(text))] };
}

export function tokenTexts({ tokenizer }: Model, ids: readonly number[]): readonly string[] {
  return ids.map((id) => tokenizer.tokenText(id));
}

/** One example's tokens, and its answers as they are compared. @throws PithError "tokenizer". */
export function asModelSees(
  example: TaskExample,
  task: Task,
  { tokenizer }: Model,
  options: RunOptions,
): { readonly ids: readonly number[]; readonly answers: readonly string[] } {
  const chat = templateFor(tokenizer, options.chat ?? task.chat ?? false);
  // A start token is the same before every prompt, and pages show the prompts.
  const ids = promptTokens(tokenizer, example.prompt, { start: undefined, chat }, example.system);
  const [{ answers } = example] = asAsked([example], chat);
  return { ids, answers };
}
