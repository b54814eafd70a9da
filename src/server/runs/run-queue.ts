/**
 * The queue of runs. One run computes at a time, because two at once would only compete for the cores. Stopping a
 * run waits until its computation has ended.
 */
import { lstat } from "node:fs/promises";
import { describeError } from "../answer-error.ts";
import type { RunState } from "../api.ts";
import type { Models } from "../models.ts";
import { performRun } from "./perform-run.ts";
import type { Run } from "./run.ts";
import { resultFolder } from "./run-folder.ts";
import type { RunStates } from "./run-states.ts";

export interface RunQueue {
  /** How many runs wait for their turn. */
  readonly length: number;
  /** Puts a run at the end of the queue, or at its head; `start` lets it begin. */
  add(run: Run, at?: "head" | "end"): void;
  /** Begins the next run, unless one is computing. */
  start(): void;
  /**
   * Takes a run out of the queue, or stops it and waits until it has stopped. The first caller decides its state;
   * a second caller, such as a cancel during a pause, asks again.
   */
  halt(run: Run, state: "paused" | "cancelled"): Promise<void>;
  /**
   * Stops the computing run without changing its state, so that the next server continues it; no further run
   * begins.
   */
  close(): Promise<void>;
  readonly closing: boolean;
}

export interface RunQueueOptions {
  readonly models: Models;
  readonly threads: number | undefined;
  readonly states: RunStates;
  readonly onNote: (message: string) => void;
}

/**
 * The reason why the current run is stopped: the state that it gets; undefined leaves it running for the next
 * server.
 */
interface Stop {
  readonly state: RunState | undefined;
}

export function createRunQueue(options: RunQueueOptions): RunQueue {
  const { states, onNote } = options;
  const queue: Run[] = [];
  let computing:
    | { readonly run: Run; readonly controller: AbortController; ended: Promise<void> }
    | undefined;
  let closing = false;

  const start = () => {
    if (computing !== undefined || closing) return;
    const run = queue.shift();
    if (run === undefined) return;
    const controller = new AbortController();
    const current = { run, controller, ended: Promise.resolve() };
    computing = current;
    current.ended = compute(run, controller.signal, options)
      .catch((error: unknown) => onNote(`${run.record.folder}: ${String(error)}`))
      .finally(() => {
        computing = undefined;
        start();
      });
  };

  const halt = async (run: Run, state: "paused" | "cancelled"): Promise<void> => {
    const at = queue.indexOf(run);
    if (at >= 0) {
      queue.splice(at, 1);
      await states.set(run, state);
    } else if (computing?.run === run) {
      const { ended, controller } = computing;
      controller.abort({ state } satisfies Stop);
      await ended;
      // A closing server stops the run without changing its state, and the next server continues it.
      if (!closing && run.status.state !== state) await halt(run, state);
    } else if (state === "cancelled" && ["paused", "failed"].includes(run.status.state)) {
      await states.set(run, state);
    }
  };

  return {
    get length() {
      return queue.length;
    },
    get closing() {
      return closing;
    },
    add: (run, at = "end") => void (at === "end" ? queue.push(run) : queue.unshift(run)),
    start,
    halt,
    async close() {
      closing = true;
      computing?.controller.abort({ state: undefined } satisfies Stop);
      await computing?.ended;
    },
  };
}

async function compute(run: Run, signal: AbortSignal, options: RunQueueOptions): Promise<void> {
  const { models, threads, states } = options;
  if (run.status.state !== "running") await states.set(run, "running");
  const onProgress = (done: number, total: number) => {
    run.status = { ...run.status, done, total };
  };
  try {
    // A run that was killed between its result and its record is done.
    if ((await lstat(resultFolder(run.record)).catch(() => undefined)) === undefined) {
      await performRun(run.record, { models, threads, signal, log: run.log, onProgress });
    }
    run.status = { ...run.status, done: run.status.total };
    await states.set(run, "done");
  } catch (error) {
    if (!signal.aborted) {
      await states.set(run, "failed", describeError(error));
      return;
    }
    const { state } = signal.reason as Stop;
    if (state === undefined) await states.keep(run);
    else await states.set(run, state);
  }
}
