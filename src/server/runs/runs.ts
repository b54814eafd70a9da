/**
 * The runs: a queue of which one computes at a time, since two at once would only wait for each other's cores.
 * Whatever happens is on disk before it is told; a server that was killed goes on with what it had begun.
 */

import { lstat, rm } from "node:fs/promises";
import { join } from "node:path";
import { candidates } from "../../discovery/searches/greedy/search.ts";
import { PithError } from "../../errors.ts";
import { journalPath } from "../../files/journal.ts";
import { makeFolders } from "../../files/make-folders.ts";
import { quote } from "../../printable.ts";
import { describeError, Refusal } from "../answer-error.ts";
import type { RunRequest, RunState, RunSummary } from "../api.ts";
import { headsPerLayer, type Models } from "../models.ts";
import { encodeFor, taskOfSource } from "../tasks.ts";
import { closedEventLog, type EventLog, openEventLog } from "./event-log.ts";
import { performRun, totalOf } from "./perform-run.ts";
import {
  createRunFolder,
  damagedStatus,
  type RunRecord,
  type RunStatus,
  readRuns,
  removeRunFolder,
  resultFolder,
  writeStatus,
} from "./run-folder.ts";

/** How many may wait for their turn, and how many there may be in all. */
const mostQueued = 20;
const mostRuns = 1000;

export interface Run {
  readonly record: RunRecord;
  readonly log: EventLog;
  status: RunStatus;
}

export interface Runs {
  list(): readonly Run[];
  /** @throws Refusal 404. */
  get(id: string): Run;
  /** Checks all of it, so that what is queued can be run. @throws PithError for model, task or options. */
  create(request: RunRequest): Promise<Run>;
  pause(run: Run): Promise<void>;
  resume(run: Run): Promise<void>;
  cancel(run: Run): Promise<void>;
  remove(run: Run): Promise<void>;
  /** Stops what computes, to be gone on with by the next server. */
  close(): Promise<void>;
}

export interface RunsOptions {
  readonly dataFolder: string;
  readonly models: Models;
  readonly threads: number | undefined;
  readonly onNote: (message: string) => void;
}

/** Why a run that computes is stopped: the state that it goes into; undefined leaves it running for the next server. */
interface Stop {
  readonly state: RunState | undefined;
}

export async function openRuns({ dataFolder, models, threads, onNote }: RunsOptions): Promise<Runs> {
  const folder = join(dataFolder, "runs");
  await makeFolders(folder, 0o700);
  const runs = new Map<string, Run>();
  const queue: Run[] = [];
  let computing:
    | { readonly run: Run; readonly controller: AbortController; ended: Promise<void> }
    | undefined;
  let closing = false;
  /** Runs that are being checked and written. */
  let making = 0;

  /** A run's states reach the disk one after another, in the order in which they were set. */
  const writing = new WeakMap<Run, Promise<void>>();
  const inOrder = (run: Run, work: () => Promise<void>): Promise<void> => {
    const mine = (writing.get(run) ?? Promise.resolve()).then(work);
    writing.set(
      run,
      mine.catch(() => {}),
    );
    return mine;
  };
  /** Written before it is told: what a page has seen, a new server knows as well. */
  const setState = (run: Run, state: RunState, error?: RunStatus["error"]): Promise<void> => {
    const status = { state, done: run.status.done, total: run.status.total, ...(error && { error }) };
    run.status = status;
    return inOrder(run, async () => {
      await writeStatus(run.record, status);
      await run.log.append({ kind: "state", state, ...(error && { error }) });
    });
  };

  const next = () => {
    if (computing !== undefined || closing) return;
    const run = queue.shift();
    if (run === undefined) return;
    const controller = new AbortController();
    const current = { run, controller, ended: Promise.resolve() };
    computing = current;
    current.ended = compute(run, controller.signal)
      .catch((error: unknown) => onNote(`${run.record.folder}: ${String(error)}`))
      .finally(() => {
        computing = undefined;
        next();
      });
  };

  const compute = async (run: Run, signal: AbortSignal) => {
    if (run.status.state !== "running") await setState(run, "running");
    const onProgress = (done: number, total: number) => {
      run.status = { ...run.status, done, total };
    };
    try {
      // Killed between the result and its record: it is done.
      if ((await lstat(resultFolder(run.record)).catch(() => undefined)) === undefined) {
        await performRun(run.record, { models, threads, signal, log: run.log, onProgress });
      }
      run.status = { ...run.status, done: run.status.total };
      await setState(run, "done");
    } catch (error) {
      if (!signal.aborted) {
        await setState(run, "failed", describeError(error));
        return;
      }
      const { state } = signal.reason as Stop;
      if (state === undefined) await inOrder(run, () => writeStatus(run.record, run.status));
      else await setState(run, state);
    }
  };

  /**
   * Takes it out of the queue, or stops it and waits until it has stopped. Whoever asked first has then said where
   * it goes: who asks for more, as a cancel that finds a pause under way, asks anew.
   */
  const halt = async (run: Run, state: "paused" | "cancelled"): Promise<void> => {
    const at = queue.indexOf(run);
    if (at >= 0) {
      queue.splice(at, 1);
      await setState(run, state);
    } else if (computing?.run === run) {
      const { ended, controller } = computing;
      controller.abort({ state } satisfies Stop);
      await ended;
      // A server that closes stops without a state, and the next one goes on.
      if (!closing && run.status.state !== state) await halt(run, state);
    } else if (state === "cancelled" && ["paused", "failed"].includes(run.status.state)) {
      await setState(run, state);
    }
  };

  const expect = (run: Run, what: string, states: readonly RunState[]) => {
    if (states.includes(run.status.state)) return;
    throw new Refusal(409, "state", `${runName(run.record)} is ${run.status.state}: it can't be ${what}.`);
  };

  for (const { record, status } of await readRuns(folder, onNote)) {
    const run = await openRun(record, status);
    runs.set(record.id, run);
    if (status.state === "running") queue.unshift(run);
    else if (status.state === "queued") queue.push(run);
  }
  next();

  return {
    list: () => [...runs.values()],
    get(id) {
      const run = runs.get(id);
      if (run === undefined) throw noRun(id);
      return run;
    },
    async create(request) {
      if (closing) throw new Refusal(503, "closing", "The studio is closing, and takes no more runs.");
      if (queue.length + making >= mostQueued) {
        throw new Refusal(429, "queue", `${mostQueued} runs wait already. Let some finish first.`);
      }
      if (runs.size + making >= mostRuns) {
        throw new Refusal(429, "queue", `There are ${mostRuns} runs. Delete some first.`);
      }
      making++;
      try {
        const run = await makeRun(folder, models, request);
        runs.set(run.record.id, run);
        queue.push(run);
        next();
        return run;
      } finally {
        making--;
      }
    },
    async pause(run) {
      expect(run, "paused", ["queued", "running"]);
      await halt(run, "paused");
    },
    async resume(run) {
      expect(run, "resumed", ["paused", "failed"]);
      // Into the queue first: who cancels it while that is being written must find it there.
      queue.push(run);
      await setState(run, "queued");
      next();
    },
    async cancel(run) {
      expect(run, "cancelled", ["queued", "running", "paused", "failed"]);
      await halt(run, "cancelled");
      // It may have come to its end meanwhile.
      if (run.status.state === "cancelled") await rm(journalPath(resultFolder(run.record)), { force: true });
    },
    async remove(run) {
      await halt(run, "cancelled");
      // Another has removed it meanwhile.
      if (!runs.delete(run.record.id)) return;
      await writing.get(run);
      run.log.close();
      await removeRunFolder(run.record);
    },
    async close() {
      closing = true;
      computing?.controller.abort({ state: undefined } satisfies Stop);
      await computing?.ended;
      for (const { log } of runs.values()) log.close();
    },
  };
}

/** A run on disk; whatever is wrong with one keeps no other from being opened. */
async function openRun(record: RunRecord, status: RunStatus): Promise<Run> {
  if (status.state === "damaged") return { record, log: closedEventLog(), status };
  try {
    return { record, log: await openEventLog(join(record.folder, "events.jsonl")), status };
  } catch (error) {
    if (!(error instanceof PithError)) throw error;
    return { record, log: closedEventLog(), status: damagedStatus(error.message) };
  }
}

async function makeRun(folder: string, models: Models, request: RunRequest): Promise<Run> {
  const model = await models.open(request.model);
  const task = await taskOfSource(request.task, model, request.options);
  await encodeFor(task, model, request.options);
  const total = totalOf(request, candidates(model.transformer, request.options).length);
  const status: RunStatus = { state: "queued", done: 0, total };
  const record = await createRunFolder(
    folder,
    {
      created: new Date().toISOString(),
      ...{ modelName: model.name, taskName: task.name, headsPerLayer: headsPerLayer(model), request },
    },
    status,
  );
  const log = await openEventLog(join(record.folder, "events.jsonl"));
  await log.append({ kind: "state", state: "queued" });
  return { record, log, status };
}

export function summarizeRun({ record, status }: Run): RunSummary {
  const { id, modelName, taskName, created, request } = record;
  return {
    ...{ id, state: status.state, kind: request.kind, modelName, taskName, created },
    ...{ done: status.done, total: status.total },
  };
}

/** As an error names it. */
export function runName({ taskName, modelName }: RunRecord): string {
  return `The run “${taskName} on ${modelName}”`;
}

export function noRun(id: string): Refusal {
  return new Refusal(404, "run", `There is no run ${quote(id)}. It may have been deleted.`);
}

/** @throws Refusal 409 until it is done. */
export function expectDone({ record, status }: Run): void {
  if (status.state === "done") return;
  throw new Refusal(409, "state", `${runName(record)} is ${status.state}: it has no result yet.`);
}

/** @throws Refusal 409 for a sweep, and until it is done. */
export function expectCircuit(run: Run): void {
  if (run.record.request.kind !== "extract") {
    const advice = "Extract one of its circuits first.";
    throw new Refusal(409, "state", `${runName(run.record)} is a sweep, which has no one circuit. ${advice}`);
  }
  expectDone(run);
}
