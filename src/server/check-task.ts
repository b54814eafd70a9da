/** Checks a task while it is being typed: its faults, line by line, and how the model sees its prompts. */
import { PithError } from "../errors.ts";
import type { Model } from "../jobs/load-model.ts";
import type { Task } from "../jobs/read-task.ts";
import type { EncodedTask } from "../tasks/encode-task.ts";
import type { TaskExample } from "../tasks/task-file.ts";
import { apiError } from "./answer-error.ts";
import type { ApiError, RunOptions, TaskCheck, TaskSource } from "./api.ts";
import { createPauses } from "./runs/pauses.ts";
import {
  asModelSees,
  encodeAhead,
  encodeNow,
  examplesIn,
  type TextSource,
  taskOfSource,
  textTask,
  tokenTexts,
} from "./tasks.ts";

const mostFaults = 50;
const mostSamples = 8;
/**
 * When a fault is known, the search for more ends after this time, so that it keeps up with typing; milliseconds.
 */
const patience = 1000;

type Fault = ApiError["error"];

/** @param signal of the request: the check ends when nobody waits for it any more. */
export async function checkTask(
  source: TaskSource,
  model: Model,
  options: RunOptions,
  signal?: AbortSignal,
): Promise<TaskCheck> {
  const nothing = { examples: { patching: 0, validation: 0, test: 0 }, samples: [] };
  const end = performance.now() + patience;
  const read = await readSource(source, model, options, { end, signal });
  if (read.task === undefined) return { ...nothing, faults: read.faults };
  const { task } = read;
  // Patching prompts need no answers, but the samples for a person should have some.
  const answered = task.examples.filter(({ answers }) => answers.length > 0);
  const shown = answered.slice(0, mostSamples);
  const samples = shown.flatMap((example) => {
    try {
      const { ids, answers } = asModelSees(example, task, model, options);
      return [{ tokens: tokenTexts(model, ids), answers }];
    } catch {
      // Text that can't be encoded is among the faults.
      return [];
    }
  });
  const { faults, encoded } = await encodingFaults(task, model, options, { end, signal });
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

interface Limits {
  /** When the search for more faults ends. */
  readonly end: number;
  readonly signal: AbortSignal | undefined;
}

type Read = { readonly task: Task } | { readonly task?: undefined; readonly faults: readonly Fault[] };

async function readSource(
  source: TaskSource,
  model: Model,
  options: RunOptions,
  limits: Limits,
): Promise<Read> {
  if (source.kind === "text") return readText(source, model, limits);
  try {
    return { task: await taskOfSource(source, model, options) };
  } catch (error) {
    if (error instanceof PithError) return { faults: [apiError(error)] };
    throw error;
  }
}

/** Reads the file once; its faults have their lines. */
async function readText(source: TextSource, model: Model, { end, signal }: Limits): Promise<Read> {
  const faults: Fault[] = [];
  const examples: TaskExample[] = [];
  const pause = createPauses();
  for (const found of examplesIn(source, model)) {
    if (found instanceof PithError) faults.push(apiError(found));
    else if (found !== undefined) examples.push(found);
    if (faults.length === mostFaults || (faults.length > 0 && performance.now() > end)) break;
    await pause();
    signal?.throwIfAborted();
  }
  return faults.length > 0 ? { faults } : { task: textTask(source, examples) };
}

/**
 * Faults that only the tokenizer finds. When the first one is found, its line is removed and the file is checked
 * again, and so on.
 */
async function encodingFaults(
  task: Task,
  model: Model,
  options: RunOptions,
  { end, signal }: Limits,
): Promise<{ readonly faults: readonly Fault[]; readonly encoded?: EncodedTask }> {
  const faults: Fault[] = [];
  const prepared = { ...model, tokenizer: await encodeAhead(task.examples, model.tokenizer, signal) };
  const pause = createPauses();
  let { examples } = task;
  for (;;) {
    await pause();
    signal?.throwIfAborted();
    let encoded: EncodedTask | undefined;
    const fault = faultOf(() => {
      encoded = encodeNow({ ...task, examples }, prepared, options);
    });
    if (fault === undefined) return { faults, ...(faults.length === 0 && encoded && { encoded }) };
    const { line } = fault.place;
    // The remaining lines may be too few; that is reported only for the file as it was typed.
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
