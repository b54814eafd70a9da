/** A page's task: a built-in one or a text that was typed in, ready to be run, or its faults line by line. */
import { createHash } from "node:crypto";
import { PithError } from "../errors.ts";
import type { Model } from "../pipeline/load-model.ts";
import { encodePrompts } from "../pipeline/prompts.ts";
import { readTask, type Task } from "../pipeline/read-task.ts";
import type { EncodedTask } from "../tasks/encode-task.ts";
import { parseTaskFile } from "../tasks/task-file.ts";
import { apiError } from "./answer-error.ts";
import type { ApiError, RunOptions, TaskCheck, TaskSource } from "./api.ts";

const mostFaults = 50;
const mostSamples = 8;
/** Finding every fault must not take longer than typing goes on; milliseconds. */
const patience = 1000;

/** The same task as `pith extract` would read from a file of that name. @throws PithError "task". */
export async function taskOf(source: TaskSource, model: Model, options: RunOptions): Promise<Task> {
  if (source.kind === "builtin") {
    const { seed, means } = options;
    return readTask(source.name, { tokenizer: model.tokenizer, seed, means });
  }
  const path = taskFileName(source);
  const sha256 = createHash("sha256").update(source.text).digest("hex");
  return { ...parseTaskFile(source.text, path), path, sha256 };
}

export function taskFileName({ name, format }: Extract<TaskSource, { kind: "text" }>): string {
  return `${name}.${format}`;
}

/** What a run's prompts are. @throws PithError "task". */
export function encodeFor(task: Task, model: Model, options: RunOptions): EncodedTask {
  const bos = options.bos ?? task.bos ?? false;
  return encodePrompts(task, model.tokenizer, model.transformer.contextLength, { ...options, bos });
}

export async function checkTask(source: TaskSource, model: Model, options: RunOptions): Promise<TaskCheck> {
  const nothing = { examples: { patching: 0, validation: 0, test: 0 }, samples: [] };
  const end = performance.now() + patience;
  let task: Task;
  try {
    task = await taskOf(source, model, options);
  } catch (error) {
    if (!(error instanceof PithError)) throw error;
    return {
      ...nothing,
      faults: source.kind === "text" ? linesFaults(source, error, end) : [apiError(error)],
    };
  }
  // Patching prompts need no answers; a person wants to see some.
  const answered = task.examples.filter(({ answers }) => answers.length > 0);
  const samples = answered.slice(0, mostSamples).flatMap(({ prompt, answers }) => {
    try {
      return [{ tokens: tokenTexts(model, model.tokenizer.encode(prompt)), answers }];
    } catch {
      // What can't be encoded is among the faults.
      return [];
    }
  });
  const { faults, encoded } = encodingFaults(task, model, options, end);
  if (encoded === undefined) return { ...nothing, faults, samples };
  const { patching, validation, test } = encoded;
  const lengths = new Set([...patching, ...validation, ...test].map(({ ids }) => ids.length));
  const [promptTokens] = lengths;
  return {
    faults,
    examples: { patching: patching.length, validation: validation.length, test: test.length },
    ...(lengths.size === 1 && { promptTokens }),
    samples,
  };
}

export function tokenTexts({ tokenizer }: Model, ids: readonly number[]): readonly string[] {
  return ids.map((id) => tokenizer.tokenText(id));
}

type Fault = ApiError["error"];

/** JSON Lines are told apart by their line ends; of CSV the faulty line is taken out and the rest looked at again. */
function linesFaults(
  source: Extract<TaskSource, { kind: "text" }>,
  first: PithError,
  end: number,
): readonly Fault[] {
  if (first.place.line === undefined) return [apiError(first)];
  const lines = source.text.split("\n");
  return source.format === "jsonl" ? jsonFaults(source, lines, end) : csvFaults(source, lines, first, end);
}

function jsonFaults(
  source: Extract<TaskSource, { kind: "text" }>,
  lines: readonly string[],
  end: number,
): readonly Fault[] {
  const faults: Fault[] = [];
  for (const [index, line] of lines.entries()) {
    if (faults.length === mostFaults || performance.now() > end) break;
    if (line.trim() === "") continue;
    const fault = faultOf(() => parseTaskFile(line, taskFileName(source)));
    if (fault !== undefined) faults.push({ ...apiError(fault), line: index + 1 });
  }
  return faults;
}

function csvFaults(
  source: Extract<TaskSource, { kind: "text" }>,
  lines: readonly string[],
  first: PithError,
  end: number,
): readonly Fault[] {
  const faults: Fault[] = [];
  const left = [...lines];
  for (let fault: PithError | undefined = first; fault !== undefined; ) {
    const { line } = fault.place;
    // A file without examples is none of its lines' fault, now that faulty ones are gone.
    if (line === undefined) break;
    faults.push(apiError(fault));
    // Behind a quote that is open, or a header that names no columns, nothing means what it says.
    if (line === 1 || fault.cause !== undefined) break;
    if (faults.length === mostFaults || performance.now() > end) break;
    left[line - 1] = "";
    fault = faultOf(() => parseTaskFile(left.join("\n"), taskFileName(source)));
  }
  return faults;
}

/** What only the tokenizer sees. The first fault of the file is found again without its line, and so on. */
function encodingFaults(
  task: Task,
  model: Model,
  options: RunOptions,
  end: number,
): { readonly faults: readonly Fault[]; readonly encoded?: EncodedTask } {
  const faults: Fault[] = [];
  let { examples } = task;
  for (;;) {
    let encoded: EncodedTask | undefined;
    const fault = faultOf(() => {
      encoded = encodeFor({ ...task, examples }, model, options);
    });
    if (fault === undefined) return { faults, ...(faults.length === 0 && encoded && { encoded }) };
    const { line } = fault.place;
    // What is left may be too little: that is said only of the file as it is.
    if (line === undefined && faults.length > 0) return { faults };
    faults.push(apiError(fault));
    if (line === undefined || faults.length === mostFaults || performance.now() > end) return { faults };
    examples = examples.filter((example) => example.line !== line);
  }
}

function faultOf(action: () => void): PithError | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof PithError) return error;
    throw error;
  }
}
