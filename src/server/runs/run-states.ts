/**
 * The state of a run, in memory, on disk and in its log. Each state is on disk before it is sent to pages, so
 * that a new server knows everything that a page has seen.
 */
import type { RunState } from "../api.ts";
import type { Run } from "./run.ts";
import { type RunStatus, writeStatus } from "./run-folder.ts";

export interface RunStates {
  /** Resolves when the state is on disk and sent. */
  set(run: Run, state: RunState, error?: RunStatus["error"]): Promise<void>;
  /** Writes the progress of the run, without a new state. */
  keep(run: Run): Promise<void>;
  /** Resolves when all states that were set are on disk. */
  settled(run: Run): Promise<void>;
}

export function createRunStates(): RunStates {
  /** The states of a run are written to the disk in the order in which they were set. */
  const writing = new WeakMap<Run, Promise<void>>();
  const inOrder = (run: Run, work: () => Promise<void>): Promise<void> => {
    const mine = (writing.get(run) ?? Promise.resolve()).then(work);
    writing.set(
      run,
      mine.catch(() => {}),
    );
    return mine;
  };
  return {
    set(run, state, error) {
      const status = { state, done: run.status.done, total: run.status.total, ...(error && { error }) };
      run.status = status;
      return inOrder(run, async () => {
        await writeStatus(run.record, status);
        await run.log.append({ kind: "state", state, ...(error && { error }) });
      });
    },
    keep: (run) => inOrder(run, () => writeStatus(run.record, run.status)),
    settled: async (run) => writing.get(run),
  };
}
