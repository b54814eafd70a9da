/**
 * The runs of the studio: those on disk when it starts, and those that pages start. Every event is on disk before
 * it is sent; after a crash, the next server continues the runs.
 */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { checkFirstPosition } from "../../discovery/check-first-position.ts";
import { singleComponents } from "../../discovery/search-units.ts";
import { PithError } from "../../errors.ts";
import { journalPath } from "../../files/journal.ts";
import { makeFolders } from "../../files/make-folders.ts";
import { Refusal } from "../answer-error.ts";
import type { RunRequest, RunState } from "../api.ts";
import { headGroups, headsPerLayer, type Models, unitsOf } from "../models.ts";
import { encodeFor, taskOfSource } from "../tasks.ts";
import { closedEventLog, openEventLog } from "./event-log.ts";
import { totalOf } from "./perform-run.ts";
import { noRun, type Run, runName } from "./run.ts";
import {
  createRunFolder,
  damagedStatus,
  type RunRecord,
  type RunStatus,
  readRuns,
  removeRunFolder,
  resultFolder,
} from "./run-folder.ts";
import { createRunQueue } from "./run-queue.ts";
import { createRunStates } from "./run-states.ts";

/** How many runs may wait in the queue, and how many there may be in all. */
const mostQueued = 20;
const mostRuns = 1000;

export interface Runs {
  list(): readonly Run[];
  /** @throws Refusal 404. */
  get(id: string): Run;
  /**
   * Checks the whole request, so that every queued run can start. @throws PithError for model, task or options.
   */
  create(request: RunRequest): Promise<Run>;
  pause(run: Run): Promise<void>;
  resume(run: Run): Promise<void>;
  cancel(run: Run): Promise<void>;
  remove(run: Run): Promise<void>;
  /** Stops the current run; the next server continues it. */
  close(): Promise<void>;
}

export interface RunsOptions {
  readonly dataFolder: string;
  readonly models: Models;
  readonly threads: number | undefined;
  readonly onNote: (message: string) => void;
}

export async function openRuns({ dataFolder, models, threads, onNote }: RunsOptions): Promise<Runs> {
  const folder = join(dataFolder, "runs");
  await makeFolders(folder, 0o700);
  const runs = new Map<string, Run>();
  const states = createRunStates();
  const queue = createRunQueue({ models, threads, states, onNote });
  /** The number of runs that are being checked and written. */
  let making = 0;

  for (const { record, status } of await readRuns(folder, onNote)) {
    const run = await openRun(record, status);
    runs.set(record.id, run);
    if (status.state === "running") queue.add(run, "head");
    else if (status.state === "queued") queue.add(run);
  }
  queue.start();

  return {
    list: () => [...runs.values()],
    get(id) {
      const run = runs.get(id);
      if (run === undefined) throw noRun(id);
      return run;
    },
    async create(request) {
      if (queue.closing) throw new Refusal(503, "closing", "The studio is closing, and takes no more runs.");
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
        queue.add(run);
        queue.start();
        return run;
      } finally {
        making--;
      }
    },
    async pause(run) {
      expectState(run, "paused", ["queued", "running"]);
      await queue.halt(run, "paused");
    },
    async resume(run) {
      expectState(run, "resumed", ["paused", "failed"]);
      // It enters the queue first, so that a cancel finds it there while its state is being written.
      queue.add(run);
      await states.set(run, "queued");
      queue.start();
    },
    async cancel(run) {
      expectState(run, "cancelled", ["queued", "running", "paused", "failed"]);
      await queue.halt(run, "cancelled");
      // It may have ended in the meantime.
      if (run.status.state === "cancelled") await rm(journalPath(resultFolder(run.record)), { force: true });
    },
    async remove(run) {
      await queue.halt(run, "cancelled");
      // Another request has removed it in the meantime.
      if (!runs.delete(run.record.id)) return;
      await states.settled(run);
      run.log.close();
      await removeRunFolder(run.record);
    },
    async close() {
      await queue.close();
      for (const { log } of runs.values()) log.close();
    },
  };
}

function expectState({ status, record }: Run, what: string, states: readonly RunState[]): void {
  if (states.includes(status.state)) return;
  throw new Refusal(409, "state", `${runName(record)} is ${status.state}: it can't be ${what}.`);
}

/** A run from the disk; a fault in one does not prevent the others from being opened. */
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
  const { firstPosition, means, ablation, components = singleComponents.name } = request.options;
  if (request.kind === "sweep" && components !== singleComponents.name)
    throw new PithError("options", "a sweep tries each component by itself.", {
      place: { field: "components" },
    });
  const ablations = request.kind === "sweep" ? request.ablations : [ablation];
  checkFirstPosition({ firstPosition, means, ablations });
  const model = await models.open(request.model);
  const task = await taskOfSource(request.task, model, request.options);
  await encodeFor(task, model, request.options);
  const total = totalOf(request, unitsOf(model, request.options).length);
  const status: RunStatus = { state: "queued", done: 0, total };
  const record = await createRunFolder(
    folder,
    {
      created: new Date().toISOString(),
      ...{ modelName: model.name, taskName: task.name, request },
      ...{ headsPerLayer: headsPerLayer(model), headGroups: headGroups(model) },
    },
    status,
  );
  const log = await openEventLog(join(record.folder, "events.jsonl"));
  await log.append({ kind: "state", state: "queued" });
  return { record, log, status };
}
