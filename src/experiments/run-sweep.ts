/**
 * Runs a whole sweep (Node): its units are spread over worker threads, every result goes to a journal as soon as
 * it is found, and the folder of results is written at the end. Results don't depend on the number of jobs, the
 * order in which units end, or how often the sweep was interrupted.
 */

import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { PithError } from "../errors.ts";
import { journalPath } from "../files/journal.ts";
import { claimOutputFolder, writeOutputFolder } from "../files/output-folder.ts";
import { packageVersion } from "../files/package-files.ts";
import { openTemporaryFolder } from "../files/temporary-folder.ts";
import { searchThreads } from "../jobs/choose-threads.ts";
import type { OnEvent } from "../jobs/events.ts";
import type { Model } from "../jobs/load-model.ts";
import {
  type BoundedMemory,
  boundMemory,
  type MemoryRecord,
  planRun,
} from "../jobs/memory/bounded-memory.ts";
import type { MemoryPlan } from "../jobs/memory/plan-memory.ts";
import { preflightEncoded } from "../jobs/preflight/preflight.ts";
import { refuseUnfit } from "../jobs/preflight/preflight-findings.ts";
import type { Preflight } from "../jobs/preflight/preflight-result.ts";
import { weightFiles } from "../jobs/same-weights.ts";
import { withEngine } from "../jobs/with-engine.ts";
import { yearScale } from "../measure/year-mass.ts";
import { workerRuntime } from "../runtime/node-runtime.ts";
import type { Room } from "../runtime/room.ts";
import { headCountsOf } from "../transformer/component.ts";
import { faultInSweep } from "./check-sweep.ts";
import { formatSweepFile, type UnitCounts } from "./sweep-file.ts";
import { type JobShare, shareOut } from "./sweep-jobs.ts";
import { type EvaluationCounts, noJournal, openSweepJournal, type SweepJournal } from "./sweep-journal.ts";
import type { SweepPlan, SweepUnit } from "./sweep-plan.ts";
import { formatSweepCsv, formatSweepRows, type SweepRuns } from "./sweep-row.ts";
import { runUnit, type UnitResult } from "./sweep-unit.ts";

/** Options for running a sweep. */
export interface RunSweepOptions {
  /**
   * The folder to make, with a journal beside it while the sweep runs.
   * @defaultValue nothing is written
   */
  readonly out?: string | undefined;
  /**
   * Whether the folder of an earlier sweep, and the journal of an interrupted one, are replaced.
   * @defaultValue false
   */
  readonly force?: boolean | undefined;
  /**
   * Whether an interrupted sweep to the same folder is continued.
   * @defaultValue false
   */
  readonly resume?: boolean | undefined;
  /**
   * Whether every warning of the preflight is a reason not to begin.
   * @defaultValue false
   */
  readonly strict?: boolean | undefined;
  /**
   * Whether tasks that the original can't do are swept anyway.
   * @defaultValue false
   */
  readonly allowWeak?: boolean | undefined;
  /**
   * How many units run at a time.
   * @defaultValue as many as cores and memory allow
   */
  readonly jobs?: number | undefined;
  /**
   * How many threads compute, in all jobs together.
   * @defaultValue one for each core
   */
  readonly threads?: number | undefined;
  /**
   * A bound of the whole process's resident memory, in bytes: see {@link SearchSettings.memory}. One unit runs at a time.
   * @defaultValue no bound
   */
  readonly memory?: number | undefined;
  /**
   * Makes further files of the folder, by file name. They are made before the journal is removed, so that they
   * can be made again after a failure.
   * @defaultValue nothing
   */
  readonly moreFiles?: ((outcome: SweepOutcome) => Promise<Readonly<Record<string, string>>>) | undefined;
  /**
   * Aborting it ends the work; the returned promise rejects with the signal's reason. Left out, nothing ends the
   * work early.
   */
  readonly signal?: AbortSignal | undefined;
  /** Called with each event: steps, progress, decisions, notes. Left out, events are ignored. */
  readonly onEvent?: OnEvent | undefined;
}

/** The results of a sweep, and facts about the run. */
export interface SweepOutcome extends SweepRuns {
  /** The folder that was made, absolute; left out if none was asked for. */
  readonly folder?: string;
  /** What each unit cost, in the plan's order. */
  readonly units: readonly UnitCounts[];
  /** How many units ran at a time, and with how many threads. */
  readonly share: JobShare;
  /** The findings about each task before the search. */
  readonly preflights: readonly Preflight[];
  /** Seconds of wall clock, of this run alone if it continued an earlier one. */
  readonly seconds: number;
  /** How many units an earlier run had finished. */
  readonly resumedUnits: number;
  /** With a bound of memory, what the run was planned to take, and what it took; left out: there was no bound. */
  readonly memory?: MemoryRecord;
}

/** The file that marks a sweep's folder. */
const sweepFolder = { marker: "sweep.json", kind: "sweep's folder" } as const;

/**
 * Carries out a plan: its units are spread over jobs, and every result goes to a journal as soon as it is found.
 * @param model an original model; it is read by all jobs.
 * @example
 * ```ts
 * const { rows } = await runSweep(model, plan, { out: "ioi-sweep" });
 * ```
 * @throws PithError for a task that the model can't do (unless `allowWeak`), a folder that exists, another
 * sweep's journal, a full disk, or a standalone model that disagrees with the search; the signal's reason when it
 * was aborted.
 */
export async function runSweep(
  model: Model,
  plan: SweepPlan,
  options: RunSweepOptions = {},
): Promise<SweepOutcome> {
  const { out, force = false, signal } = options;
  signal?.throwIfAborted();
  const memoryPlan = planMemory(model, plan, options);
  const release = out === undefined ? undefined : await claimOutputFolder(out, { force, ...sweepFolder });
  // Without an output, what does not fit into memory waits in a folder of this sweep's own.
  const apart =
    memoryPlan !== undefined && out === undefined ? await openTemporaryFolder("pith-sweep") : undefined;
  let memory: BoundedMemory | undefined;
  try {
    memory = memoryPlan && (await boundMemory(memoryPlan, out ?? join(apart?.path ?? "", "sweep")));
    const outcome = await sweepInto(model, plan, { ...options, room: memory?.room });
    return { ...outcome, ...(memory && { memory: memory.record() }) };
  } finally {
    await memory?.close();
    await apart?.remove();
    await release?.();
  }
}

/** Undefined where no bound is set. */
function planMemory(
  { transformer }: Model,
  { units, means, alphas }: SweepPlan,
  { memory: bound, jobs, onEvent }: RunSweepOptions,
): MemoryPlan | undefined {
  if (bound === undefined) return undefined;
  if (jobs !== undefined && jobs > 1) {
    throw new PithError("options", "is a bound for one unit at a time.", {
      place: { field: "memory" },
      advice: "Leave out the number of jobs.",
    });
  }
  const ablation = units.some((unit) => unit.ablation === "mean") ? "mean" : "zero";
  const thresholds = Math.max(alphas.length, ...units.map((unit) => unit.alphas?.length ?? 0));
  const tasks = units.map(({ encoded }) => encoded);
  return planRun(transformer, tasks, {
    ...{ bound, means, ablation, thresholds, onEvent },
    ...{ formats: false, judges: false, loadsCircuits: true },
  });
}

interface RoomyOptions extends RunSweepOptions {
  readonly room: Room | undefined;
}

async function sweepInto(model: Model, plan: SweepPlan, options: RoomyOptions): Promise<SweepOutcome> {
  const begin = performance.now();
  const { out, force = false, resume = false, signal } = options;
  const preflights = await checkTasks(model, plan, options);
  const modelFiles = (await weightFiles(model, signal)).map(({ sha256 }) => sha256);
  const journal =
    out === undefined
      ? noJournal
      : await openSweepJournal(
          journalPath(out),
          keyOf(modelFiles, plan),
          resume ? "resume" : force ? "anew" : "new",
          (lines) => faultInSweep(model.transformer, plan, lines),
        );

  const { jobs, threads, room } = options;
  const most = room === undefined ? { jobs, threads } : { jobs: 1, threads };
  const share = shareOut(model.transformer, { ...most, units: plan.units.length });
  try {
    const results = await runUnits(model, plan, journal, share, options);
    const runs: SweepRuns = {
      model: {
        name: model.name,
        layers: model.transformer.blocks.length,
        heads: headCountsOf(model.transformer),
      },
      rows: results.flatMap(({ rows }) => rows),
    };
    const units = plan.units.map(({ encoded: _, ...unit }, index): UnitCounts => {
      const { evaluations = 0, separately = 0 } = results[index] ?? {};
      return { ...unit, evaluations, separately };
    });
    const outcome: SweepOutcome = {
      ...runs,
      ...(out !== undefined && { folder: resolve(out) }),
      ...{ units, share, preflights },
      seconds: (performance.now() - begin) / 1000,
      resumedUnits: [...journal.resumed.values()].filter(({ counts }) => counts !== undefined).length,
    };
    if (out !== undefined) {
      const more = await options.moreFiles?.(outcome);
      signal?.throwIfAborted();
      const files = {
        ...more,
        "sweep.jsonl": formatSweepRows(runs.rows),
        "sweep.csv": formatSweepCsv(runs.rows),
        [sweepFolder.marker]: formatSweepFile({ pith: packageVersion(), modelFiles, plan, runs, units }),
      };
      await writeOutputFolder(out, files, { force, ...sweepFolder });
      await journal.remove();
    }
    return outcome;
  } finally {
    await journal.close();
  }
}

/** @throws PithError "task" if the options don't allow the findings about a task. */
async function checkTasks(
  model: Model,
  { sources }: SweepPlan,
  { strict = false, allowWeak = false, threads, room, signal, onEvent }: RoomyOptions,
): Promise<readonly Preflight[]> {
  if (sources.length === 0) return [];
  const runtime = workerRuntime({ threads: threads ?? searchThreads(model.transformer), room });
  return withEngine(runtime, signal, async () => {
    const preflights: Preflight[] = [];
    for (const source of sources) {
      const preflight = await preflightEncoded({ ...source, runtime, model, signal, onEvent });
      refuseUnfit(preflight, { strict, allowWeak }, { file: source.task.path });
      onEvent?.({ kind: "preflight", preflight });
      preflights.push(preflight);
    }
    return preflights;
  });
}

/** Equal keys mean equal results: the key has everything that a number depends on. */
function keyOf(modelFiles: readonly string[], plan: SweepPlan): string {
  const { sources: _, ...decisive } = plan;
  const named = { pith: packageVersion(), modelFiles, ...decisive, known: [...plan.known] };
  return createHash("sha256").update(JSON.stringify(named)).digest("hex");
}

/** @returns the results in the plan's order. */
async function runUnits(
  model: Model,
  plan: SweepPlan,
  journal: SweepJournal,
  share: JobShare,
  { signal: outer, room, onEvent }: RoomyOptions,
): Promise<readonly UnitResult[]> {
  const results: UnitResult[] = [];
  const waiting: { readonly unit: SweepUnit; readonly index: number }[] = [];
  for (const [index, unit] of plan.units.entries()) {
    const record = journal.resumed.get(index);
    if (record?.counts === undefined) waiting.push({ unit, index });
    else results[index] = { rows: record.rows, ...record.counts };
  }
  const resumed = plan.units.length - waiting.length;
  // A failure of one job ends all.
  const failure = new AbortController();
  const signal = outer === undefined ? failure.signal : AbortSignal.any([outer, failure.signal]);

  const running = new Map<number, { readonly share: number; readonly evaluations: number }>();
  const tell = () => {
    const done = results.filter((result) => result !== undefined);
    const under = [...running.values()];
    onEvent?.({
      kind: "sweep",
      units: done.length,
      total: plan.units.length,
      resumed,
      evaluations: sum([...done, ...under].map(({ evaluations }) => evaluations)),
      work: done.length + sum(under.map((each) => each.share)),
    });
  };
  tell();

  const work = async () => {
    if (waiting.length === 0) return;
    const runtime = workerRuntime({ threads: share.threads, room });
    const stop = () => void runtime.close();
    signal.addEventListener("abort", stop);
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        signal.throwIfAborted();
        const { unit, index } = next;
        const { rows, ...counts } = await runUnit({
          ...{ runtime, model: model.transformer, plan, unit, signal },
          years: yearScale(unit.encoded.test, model.tokenizer),
          record: journal.resumed.get(index),
          onEntry: (entry) => journal.append({ unit: index, entry }),
          onRow: (row) => journal.append({ unit: index, row }),
          onProgress(done, evaluations) {
            running.set(index, { share: done, evaluations });
            tell();
          },
        });
        await journal.append({ unit: index, counts: counts satisfies EvaluationCounts });
        results[index] = { rows, ...counts };
        running.delete(index);
        tell();
      }
    } catch (error) {
      // Errors after the engine was stopped are a consequence of that.
      if (!signal.aborted) failure.abort(error);
    } finally {
      signal.removeEventListener("abort", stop);
      await runtime.close();
    }
  };
  await Promise.all(Array.from({ length: share.jobs }, work));
  signal.throwIfAborted();
  return results;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
