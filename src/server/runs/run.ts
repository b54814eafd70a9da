/** One run of the studio: its record, its events and its state, and the checks that routes make on it. */

import { quote } from "../../printable.ts";
import { Refusal } from "../answer-error.ts";
import type { RunSummary } from "../api.ts";
import type { EventLog } from "./event-log.ts";
import type { RunRecord, RunStatus } from "./run-folder.ts";

export interface Run {
  readonly record: RunRecord;
  readonly log: EventLog;
  status: RunStatus;
}

export function summarizeRun({ record, status }: Run): RunSummary {
  const { id, modelName, taskName, created, request } = record;
  return {
    ...{ id, state: status.state, kind: request.kind, modelName, taskName, created },
    ...{ done: status.done, total: status.total },
  };
}

/** The run's name in errors. */
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
