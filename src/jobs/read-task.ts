/** Reads a task by name or path: a built-in one, made for a model's tokenizer, or a task file (Node). */
import { createHash } from "node:crypto";
import { PithError } from "../errors.ts";
import { errorCode } from "../files/file-error.ts";
import { embeddedTask, packagePath } from "../files/package-files.ts";
import type { BuiltinTaskName } from "../tasks/builtin/builtin-task.ts";
import { type AnyTaskOptions, BUILTIN_TASKS, buildTask, isBuiltinTask } from "../tasks/builtin/index.ts";
import { turnText } from "../tasks/chat-example.ts";
import { formatTaskFile } from "../tasks/format-task-file.ts";
import { readTaskFile } from "../tasks/read-task-file.ts";
import type { TaskExample, TaskFile } from "../tasks/task-file.ts";
import { chatTemplateOf } from "../tokenizer/chat-template.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** A task: its examples and their source. */
export interface Task extends TaskFile {
  /** The file's path for errors; for a built-in task its name. */
  readonly path: string;
  /** SHA-256 of the file; of a built-in task, of the text of its task file without distractors. */
  readonly sha256: string;
  /** The built-in task that drew the examples; left out for a file. */
  readonly builtin?: BuiltinTaskName;
  /** Whether the task asks for a start token before its prompts; the user's option overrides this. */
  readonly bos?: boolean;
  /** Whether its prompts are turns of a chat, where the task says so: what a user asks for goes before it. */
  readonly chat?: boolean;
  /** Labels for all examples that were given apart from the file. */
  readonly labels?: readonly string[];
}

/** Options for reading a task. `seed` and the fields after it are for built-in tasks only. */
export interface ReadTaskOptions extends AnyTaskOptions {
  /**
   * The model's tokenizer, with which a built-in task is made.
   * @defaultValue none: only files can be read
   */
  readonly tokenizer?: Tokenizer | undefined;
  /**
   * Classification: the texts that every answer is chosen from, instead of the whole vocabulary.
   * @defaultValue the whole vocabulary, or what the file says
   */
  readonly labels?: readonly string[] | undefined;
  /**
   * Whether the prompts will be turns of a chat: then a built-in task takes words that are one token there.
   * @defaultValue false
   */
  readonly chat?: boolean | undefined;
  /**
   * Aborting it ends the wait for a pipe without a writer.
   * @defaultValue none
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a task file, or makes a built-in task for a model's tokenizer.
 * @param nameOrPath a built-in task ({@link BUILTIN_TASKS}), "ioi" say, or a task file (./ioi is a file, ioi is not); left out,
 * the indirect-object task that comes with the embedded model.
 * @example
 * ```ts
 * const task = await readTask("acronyms", { tokenizer: model.tokenizer, seed: 3, letter: 1 });
 * ```
 * @throws PithError "task" for a file that can't be used, or words that the tokenizer does not have; "options" for
 * a built-in task without a tokenizer.
 */
export async function readTask(
  nameOrPath: string = packagePath(embeddedTask),
  options: ReadTaskOptions = {},
): Promise<Task> {
  const { labels } = options;
  const task = isBuiltinTask(nameOrPath)
    ? makeTask(nameOrPath, options)
    : await readFileTask(nameOrPath, options.signal);
  if (labels === undefined || labels.length === 0) return task;
  const examples = task.examples.map(({ distractors: _, ...example }) => ({ ...example, labels }));
  return { ...task, labels, examples };
}

function makeTask(
  name: BuiltinTaskName,
  { tokenizer, labels: _, signal: _signal, chat, ...options }: ReadTaskOptions,
): Task {
  if (tokenizer === undefined) {
    throw new PithError("options", `the built-in task "${name}" is made with a model's tokenizer.`, {
      advice: `Give it: readTask("${name}", { tokenizer: model.tokenizer }); or ./${name} for a file of that name.`,
    });
  }
  const { examples, bos } = buildTask(name, tokenizer, {
    ...options,
    ...(chat && { acceptsAnswer: fitsTurn(tokenizer, options.means) }),
  });
  // Without distractors, which change no prompt and no accepted answer: circuits of earlier versions keep their task.
  const plain = examples.map(({ distractors: _, ...example }) => example);
  const sha256 = createHash("sha256").update(formatTaskFile(plain)).digest("hex");
  return { name, builtin: name, path: name, examples, bos, sha256 };
}

/**
 * Whether an answer will do at the beginning of the assistant's turn: it is one token there, or the only answer, which
 * pooled means take of any length.
 */
export function fitsTurn(
  { files, encode }: Tokenizer,
  means: "aligned" | "pooled" = "aligned",
): (text: string, alone: boolean) => boolean {
  const { answerSpace } = chatTemplateOf(files);
  const known = new Map<string, boolean>();
  return (text, alone) => {
    if (alone && means === "pooled") return true;
    const fits = known.get(text) ?? encode(turnText(text, answerSpace)).length === 1;
    known.set(text, fits);
    return fits;
  };
}

async function readFileTask(path: string, signal: AbortSignal | undefined): Promise<Task> {
  const file = await readTaskFile(path, signal).catch((error: unknown) => {
    throw explainName(path, error);
  });
  const chat = saysChat(file.examples, path);
  return { ...file, path, ...(chat && { chat }) };
}

/** @throws PithError "task" where only some lines are turns of a chat, or have a system turn without one. */
export function saysChat(examples: readonly TaskExample[], path: string): boolean {
  const [first] = examples;
  const other = examples.find(({ chat }) => chat !== first?.chat);
  if (other === undefined) return first?.chat ?? false;
  throw new PithError(
    "task",
    `is ${other.chat ? "" : "no "}turn of a chat, other than line ${first?.line}.`,
    {
      place: { file: path, line: other.line, field: "chat" },
      advice: "Give every line a chat, or none.",
    },
  );
}

/** A mistyped name must not look like a missing file. */
function explainName(path: string, error: unknown): unknown {
  if (!(error instanceof PithError) || errorCode(error.cause) !== "ENOENT") return error;
  const names = BUILTIN_TASKS.map(({ name }) => name).join(", ");
  return new PithError("task", "there is no such file, and no built-in task of that name.", {
    place: { file: path },
    advice: `Built in are ${names}.`,
    cause: error,
  });
}
