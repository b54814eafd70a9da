/**
 * Carries out one run from beginning to end, as `pith extract` and `pith sweep` do, and reports it in the
 * studio's events.
 */
import { join } from "node:path";
import type { Decision } from "../../discovery/searches/decision.ts";
import { runSweep } from "../../experiments/run-sweep.ts";
import { assignKnown } from "../../experiments/sweep-known.ts";
import { planSweep } from "../../experiments/sweep-plan.ts";
import { readSweepTasks } from "../../experiments/sweep-tasks.ts";
import type { PithEvent } from "../../jobs/events.ts";
import { extract } from "../../jobs/extract/extract.ts";
import type { ExtractOptions } from "../../jobs/extract/extract-options.ts";
import { rememberOriginal } from "../../jobs/known-originals.ts";
import type { Model } from "../../jobs/load-model.ts";
import type { Task } from "../../jobs/read-task.ts";
import type { RunEvent, RunRequest } from "../api.ts";
import { headsPerLayer, type Models } from "../models.ts";
import { encodeAhead, taskFileName, taskOfSource } from "../tasks.ts";
import type { EventLog } from "./event-log.ts";
import { type RunRecord, resultFolder } from "./run-folder.ts";

export interface RunContext {
  readonly models: Models;
  readonly threads: number | undefined;
  readonly signal: AbortSignal;
  readonly log: EventLog;
  readonly onProgress: (done: number, total: number) => void;
}

/** Continues an interrupted run, if there is one. @throws the errors of the pipeline. */
export async function performRun(record: RunRecord, context: RunContext): Promise<void> {
  const { request } = record;
  const { models, signal } = context;
  const onEvent = translate(context);
  const model = await orAborted(models.open(request.model, onEvent), signal);
  const out = resultFolder(record);
  const common = { resume: true, threads: context.threads, signal, onEvent };
  if (request.kind === "extract") {
    const task = await taskOfSource(request.task, model, request.options);
    const { circuit } = await extract(await prepared(model, task, signal), task, out, {
      ...extractOptions(request),
      ...common,
    });
    await rememberOriginal(model, circuit.model.files);
    return;
  }
  const { means, firstPosition, order, bos, chat, valueBias } = request.options;
  const task = await taskOfSource(request.task, model, request.options);
  const ready = await prepared(model, task, signal);
  const tasks = await readSweepTasks(ready, [sweepTaskName(record)], {
    means,
    bos,
    chat,
    seeds: request.seeds,
  });
  const known = assignKnown(
    [],
    tasks.map(({ name }) => name),
    headsPerLayer(model),
  );
  const { alphas, ablations, mlps } = request;
  const choice = { alphas, ablations, mlps, known, means, firstPosition, order, valueBias };
  await runSweep(model, planSweep(tasks, choice), {
    out,
    allowWeak: request.options.allowWeak,
    ...common,
  });
}

function extractOptions({
  options,
  search,
}: Extract<RunRequest, { readonly kind: "extract" }>): ExtractOptions {
  const { bos, chat, valueBias = "removed", firstPosition, components, allowWeak = false, ...more } = options;
  const { alpha, order, earlyExit = false, ...rest } = more;
  return {
    ...{ ...rest, valueBias, allowWeak, ...(bos !== undefined && { bos }) },
    // A search that is named has its α as its own, and tries nothing in an order.
    ...(search === undefined
      ? { alpha, order, earlyExit }
      : { search: { name: search, options: { alpha } } }),
    ...(chat !== undefined && { chat }),
    ...(firstPosition !== undefined && { firstPosition }),
    ...(components !== undefined && { components }),
  };
}

/**
 * The model, with a task's texts encoded in advance: the pipeline encodes without pauses, and pages would wait
 * for it.
 */
async function prepared(model: Model, { examples }: Task, signal: AbortSignal): Promise<Model> {
  return { ...model, tokenizer: await encodeAhead(examples, model.tokenizer, signal) };
}

/** @throws the signal's reason as soon as it fires. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return Promise.race([
    work,
    new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
    ),
  ]);
}

function sweepTaskName({ folder, request }: RunRecord): string {
  const { task } = request;
  return task.kind === "builtin" ? task.name : join(folder, "task", taskFileName(task));
}

/** The amount of work of a run: candidates, or a sweep's units. */
export function totalOf(request: RunRequest, candidates: number): number {
  if (request.kind === "extract") return candidates;
  return (
    new Set(request.ablations).size * new Set(request.mlps).size * Math.max(1, new Set(request.seeds).size)
  );
}

/**
 * Translates the pipeline's events for pages. Progress within a step is frequent, so it is sent but not stored.
 */
function translate({ log, onProgress }: RunContext): (event: PithEvent) => void {
  const keep = (event: RunEvent) => void log.append(event).catch(() => {});
  return (event) => {
    switch (event.kind) {
      case "step":
        keep({ kind: "step", step: event.step });
        break;
      case "preflight":
        // The page has asked for this before the run.
        break;
      case "search":
        resumeDecisions(log, event, keep);
        onProgress(event.resumed.length, event.candidates);
        break;
      case "decision":
        keep(event);
        onProgress(event.done, event.total);
        break;
      case "sweep":
        log.tell({ kind: "progress", done: event.work, total: event.total });
        onProgress(event.work, event.total);
        break;
      case "progress":
        log.tell({ kind: "progress", done: event.done, total: event.total });
        // A search that decides on no single component.
        if (event.step === "search") onProgress(event.done, event.total);
        break;
      // circuit.json contains it.
      case "note":
        break;
      case "download": {
        const { progress } = event;
        log.tell({ kind: "progress", done: progress.done, total: progress.total });
        break;
      }
    }
  };
}

/**
 * The journal holds all decisions. If the log has only the first of them, the rest is added; if it has different
 * ones, all are sent again.
 */
function resumeDecisions(
  log: EventLog,
  { layers, headsPerLayer, candidates, resumed }: Extract<PithEvent, { kind: "search" }>,
  keep: (event: RunEvent) => void,
): void {
  const told = log.last("search") === undefined ? undefined : log.decisions();
  const agrees = told?.every((decision, index) => isSame(decision, resumed[index])) === true;
  if (!agrees) keep({ kind: "search", layers, headsPerLayer, candidates });
  const from = agrees ? (told?.length ?? 0) : 0;
  for (const [index, decision] of resumed.slice(from).entries()) {
    keep({ kind: "decision", decision, done: from + index + 1, total: candidates });
  }
}

function isSame(a: Decision, b: Decision | undefined): boolean {
  return b !== undefined && a.layer === b.layer && a.component === b.component && a.kl === b.kl;
}
