/**
 * Checks a task before a long search (Node): whether the original can do it at all, whether its answers are
 * written as the model writes them, and how many different prompts each split has. If the model is wrong at the
 * start, the circuit is wrong too, and its KL divergence does not show it.
 */

import { PithError } from "../../errors.ts";
import { answerLogits, type VisitLogits } from "../../measure/answer-logits.ts";
import { isRight } from "../../measure/compare.ts";
import { estimateShare, type ShareEstimate } from "../../measure/share-estimate.ts";
import type { Device } from "../../runtime/engine.ts";
import { workerRuntime } from "../../runtime/node-runtime.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { missingSpace } from "../../tasks/encode-answers.ts";
import { type EncodedExample, type EncodedTask, encodeTask } from "../../tasks/encode-task.ts";
import { endsInSpace, respell } from "../../tasks/respell.ts";
import type { TaskExample } from "../../tasks/task-file.ts";
import { searchThreads } from "../choose-threads.ts";
import type { OnEvent } from "../events.ts";
import { defaultExtractOptions } from "../extract/extract-options.ts";
import type { Model } from "../load-model.ts";
import { asAsked, type EncodeOptions, encodePrompts, templateFor } from "../prompts.ts";
import type { Task } from "../read-task.ts";
import { withEngine } from "../with-engine.ts";
import { preflightFindings } from "./preflight-findings.ts";
import type { Preflight, SpellingPreflight, SplitPreflight } from "./preflight-result.ts";

/** Options of the check; they should be the same as for the search. */
export interface PreflightOptions extends Partial<EncodeOptions> {
  /**
   * How many threads compute.
   * @defaultValue as for a search
   */
  readonly threads?: number | undefined;
  /**
   * The device that computes: the processor, or a graphics card through WebGPU.
   * @defaultValue "cpu"
   */
  readonly device?: Device | undefined;
  /**
   * Aborting it ends the work; the returned promise rejects with the signal's reason. Left out, nothing ends the
   * work early.
   */
  readonly signal?: AbortSignal | undefined;
  /** Called with each event: steps, progress, decisions, notes. Left out, events are ignored. */
  readonly onEvent?: OnEvent | undefined;
}

/** The most different prompts of one split on which the original is measured; evenly spread over the split. */
const mostMeasured = 500;

/** The most prompts that are measured again in the other spelling, if there is a reason for it. */
const mostRespelled = 200;

/**
 * Checks a task before a long search: whether the original can do it, whether its answers are written as the
 * model writes them, and how many prompts there are. The original is run on up to 500 different prompts of the
 * validation and of the test split each; there is no search.
 * @example
 * ```ts
 * const { findings } = await preflight(model, task);
 * for (const { severity, sentence, advice } of findings) console.log(severity, sentence, advice);
 * ```
 * @throws PithError "task" for a task that can't be used with this model; the signal's reason when it was
 * aborted.
 */
export async function preflight(
  model: Model,
  task: Task,
  options: PreflightOptions = {},
): Promise<Preflight> {
  const { means, seed, bos: noStart, chat: noChat } = defaultExtractOptions;
  const { signal, threads, device, onEvent } = options;
  const encoding: EncodeOptions = {
    means: options.means ?? means,
    bos: options.bos ?? task.bos ?? noStart,
    chat: options.chat ?? task.chat ?? noChat,
    seed: options.seed ?? seed,
  };
  signal?.throwIfAborted();
  const encoded = encodePrompts(task, model.tokenizer, model.transformer.contextLength, encoding);
  const runtime = workerRuntime({ threads: threads ?? searchThreads(model.transformer), device });
  return withEngine(runtime, signal, () =>
    preflightEncoded({
      ...{ runtime, model, task, encoded, signal, onEvent },
      ...{ bos: encoding.bos, chat: encoding.chat ?? noChat },
    }),
  );
}

export interface PreflightJob {
  readonly runtime: Runtime;
  readonly model: Model;
  readonly task: Task;
  /** `task`, encoded for `model`. */
  readonly encoded: EncodedTask;
  readonly bos: boolean;
  readonly chat: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: OnEvent | undefined;
}

/** The same for an encoded task, with an engine that is running. */
export async function preflightEncoded(job: PreflightJob): Promise<Preflight> {
  const { model, task, encoded, onEvent } = job;
  const examples = asAsked(task.examples, templateFor(model.tokenizer, job.chat));
  onEvent?.({ kind: "step", step: "preflight" });
  const lines = new Map(examples.map((example) => [example.line, example]));
  const asked = {
    validation: spread(differentPrompts(encoded.validation), mostMeasured),
    test: spread(differentPrompts(encoded.test), mostMeasured),
  };
  const all = [...asked.validation, ...asked.test];
  const { right, likelier } = await askOriginal(job, all, lines);
  const rightIn = (from: number, to: number) => right.slice(from, to).filter(Boolean).length;
  const border = asked.validation.length;
  const original = estimateShare(rightIn(0, all.length), all.length);
  const promptsEndingInSpace = all.filter(({ prompt }) => endsInSpace(prompt)).length;
  const spelling = await compareSpellings(job, all, lines, likelier, promptsEndingInSpace > 0);
  const seen = new Set([...encoded.patching, ...encoded.validation].map(({ prompt }) => prompt));
  const used = encoded.patching.length + encoded.validation.length + encoded.test.length;
  const chance = chanceOf(all);
  const observed = {
    task: task.name,
    splits: {
      patching: describeSplit(encoded.patching),
      validation: describeSplit(encoded.validation, estimateShare(rightIn(0, border), border)),
      test: describeSplit(
        encoded.test,
        asked.test.length === 0 ? undefined : estimateShare(rightIn(border, all.length), asked.test.length),
      ),
    },
    original,
    ...(chance !== undefined && { chance }),
    answerTokens: countAnswerTokens(encoded),
    promptsEndingInSpace,
    ...(spelling && { spelling }),
    repeatedLines: task.examples.length - used,
    seenTestPrompts: differentPrompts(encoded.test).filter(({ prompt }) => seen.has(prompt)).length,
  };
  return {
    ...observed,
    findings: preflightFindings(observed, missingSpace(examples, model.tokenizer, task.path)),
  };
}

interface Asked {
  /** Whether the original is right on each example. */
  readonly right: readonly boolean[];
  /** Whether the other spelling is more likely; undefined if the two have the same first tokens. */
  readonly likelier: readonly (boolean | undefined)[];
}

async function askOriginal(
  { runtime, model, signal, onEvent }: PreflightJob,
  examples: readonly EncodedExample[],
  lines: ReadonlyMap<number, TaskExample>,
): Promise<Asked> {
  const right: boolean[] = [];
  const likelier: (boolean | undefined)[] = [];
  let done = 0;
  const visit: VisitLogits = (index, logits) => {
    const example = examples[index];
    if (example === undefined) throw new RangeError(`no example ${index}`);
    right[index] = isRight(example, logits);
    const written = lines.get(example.line);
    likelier[index] = written && otherIsLikelier(model, example, written, logits);
    if (++done % 64 === 0 || done === examples.length) {
      onEvent?.({ kind: "progress", step: "preflight", done, total: examples.length });
    }
  };
  await answerLogits(runtime, model.transformer, examples, visit, { signal });
  return { right, likelier };
}

/**
 * Compares the first tokens of the answers, whose logits are in the same row; undefined if the prompt itself
 * would change.
 */
function otherIsLikelier(
  { tokenizer, transformer: { vocabularySize } }: Model,
  { answers }: EncodedExample,
  written: TaskExample,
  logits: Float32Array,
): boolean | undefined {
  const other = respell(written);
  if (other.prompt !== written.prompt) return undefined;
  const own = new Set(answers.flatMap(([first]) => first ?? []));
  const others = new Set(other.answers.flatMap((answer) => firstToken(tokenizer, answer) ?? []));
  const onlyOthers = [...others].filter((id) => !own.has(id));
  if (onlyOthers.length === 0) return undefined;
  const row = logits.subarray(0, vocabularySize);
  return probabilityOf(onlyOthers, row) > probabilityOf([...own], row);
}

function firstToken({ encode }: Model["tokenizer"], text: string): number | undefined {
  try {
    return text === "" ? undefined : encode(text)[0];
  } catch (error) {
    // The vocabulary can't represent this spelling, so nobody would use it.
    if (error instanceof PithError) return undefined;
    throw error;
  }
}

/** The probability of these tokens together, up to a factor that all tokens of the row share. */
function probabilityOf(ids: readonly number[], logits: Float32Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > largest) largest = logit;
  return ids.reduce((sum, id) => sum + Math.exp((logits[id] ?? Number.NEGATIVE_INFINITY) - largest), 0);
}

async function compareSpellings(
  job: PreflightJob,
  examples: readonly EncodedExample[],
  lines: ReadonlyMap<number, TaskExample>,
  likelier: readonly (boolean | undefined)[],
  endInSpace: boolean,
): Promise<SpellingPreflight | undefined> {
  const compared = likelier.filter((each) => each !== undefined).length;
  const otherLikelier = likelier.filter((each) => each === true).length;
  if (compared === 0 && !endInSpace) return undefined;
  const written = examples.flatMap(({ line }) => lines.get(line) ?? []);
  const example = written.find(({ prompt }, index) =>
    endInSpace ? endsInSpace(prompt) : likelier[index] !== undefined,
  );
  const [answer] = example?.answers ?? [];
  const [otherAnswer] = example === undefined ? [] : respell(example).answers;
  if (answer === undefined || otherAnswer === undefined) return undefined;
  const other =
    endInSpace || 2 * otherLikelier > compared
      ? await accuracyRespelled(job, spread(written, mostRespelled).map(respell))
      : undefined;
  return {
    example: { written: answer, other: otherAnswer },
    ...{ compared, otherLikelier },
    ...(other && { other }),
  };
}

/** Undefined if the other spelling is not a valid task, for example because a label has several tokens. */
async function accuracyRespelled(
  { runtime, model, task, bos, chat, signal }: PreflightJob,
  examples: readonly TaskExample[],
): Promise<ShareEstimate | undefined> {
  const encoded = encodeRespelled();
  if (encoded === undefined) return undefined;
  let right = 0;
  const visit: VisitLogits = (index, logits) => {
    const example = encoded[index];
    if (example !== undefined && isRight(example, logits)) right++;
  };
  await answerLogits(runtime, model.transformer, encoded, visit, { signal });
  return estimateShare(right, encoded.length);

  function encodeRespelled(): readonly EncodedExample[] | undefined {
    const { contextLength } = model.transformer;
    try {
      return encodeTask({ patching: examples, validation: examples, test: [] }, model.tokenizer, {
        ...{ means: "pooled", bos, contextLength, fileName: task.path },
        chat: templateFor(model.tokenizer, chat),
      }).validation;
    } catch (error) {
      if (error instanceof PithError) return undefined;
      throw error;
    }
  }
}

function describeSplit(examples: readonly EncodedExample[], original?: ShareEstimate): SplitPreflight {
  return {
    examples: examples.length,
    differentPrompts: differentPrompts(examples).length,
    ...(original && { original }),
  };
}

/** How often a guess among the labels is right; undefined unless all examples have labels. */
function chanceOf(examples: readonly EncodedExample[]): number | undefined {
  let sum = 0;
  for (const { answers, labels } of examples) {
    if (labels === undefined) return undefined;
    sum += new Set(answers.flat()).size / labels.length;
  }
  return sum / examples.length;
}

function countAnswerTokens({ patching, validation, test }: EncodedTask): Preflight["answerTokens"] {
  const different = new Map(
    [...patching, ...validation, ...test].flatMap(({ answers }) =>
      answers.map((ids) => [ids.join(), ids.length] as const),
    ),
  );
  const counts = new Map<number, number>();
  for (const tokens of different.values()) counts.set(tokens, (counts.get(tokens) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a - b).map(([tokens, answers]) => ({ tokens, answers }));
}

/** The first example of each prompt. */
function differentPrompts(examples: readonly EncodedExample[]): readonly EncodedExample[] {
  return [...new Map(examples.toReversed().map((example) => [example.prompt, example])).values()].reverse();
}

/** At most `most` items, at equal distances, because files are often sorted by their answers. */
function spread<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, index) => items[Math.floor((index * items.length) / most)]).flatMap(
    (item) => (item === undefined ? [] : [item]),
  );
}
