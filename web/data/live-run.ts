/**
 * A run while it goes on: its state when the page was opened, then its stream of events. When the stream breaks
 * (the server ended or was restarted), the whole run is read again.
 */
import type { RunDetail, RunEvent, RunState } from "../../src/server/api.ts";
import { ApiFailure, faultOf, get, serverGone } from "./api-client.ts";
import { createFrameQueue } from "./frame-queue.ts";
import { createRunEvents } from "./run-events.ts";
import { createShownRun, type ShownRun } from "./shown-run.ts";

/** The most decisions that are shown in one frame: half a frame's work on a slow machine. */
const perFrame = 48;
const retryAfter = 1500;

export interface LiveRun extends ShownRun {
  readonly id: string;
  /**
   * Called with the range of new decisions, at most once in a frame; the range begins at 0 when everything is to
   * be drawn again.
   */
  subscribe(listener: (from: number, to: number) => void): () => void;
  /** Reads the run again, and follows it again if it had ended. */
  reload(): void;
  close(): void;
}

export function isFinal(state: RunState | undefined): boolean {
  return state === "done" || state === "failed" || state === "cancelled" || state === "damaged";
}

export function followRun(id: string): LiveRun {
  const { shown, replace, take } = createShownRun();
  const listeners = new Set<(from: number, to: number) => void>();
  let retry: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  const tell = (from: number) => {
    for (const listener of listeners) listener(from, shown.decisions.length);
  };

  const load = async () => {
    try {
      const read = await get<RunDetail>(`/api/runs/${encodeURIComponent(id)}`);
      if (closed) return;
      queue.clear();
      replace(read);
      tell(0);
      // A queued, paused or running one may change; a finished one does not.
      if (isFinal(read.state)) events.close();
      else events.open(read.sequence);
    } catch (thrown) {
      if (closed) return;
      // 401: the server was restarted, and its new address has not been opened yet.
      const isGone = thrown instanceof ApiFailure && (thrown.status === 0 || thrown.status === 401);
      if (isGone) retry = setTimeout(load, retryAfter);
      else shown.fault.value = faultOf(thrown);
    }
  };

  const queue = createFrameQueue<RunEvent>(perFrame, (taken) => {
    const first = take(taken);
    // The run itself contains its results.
    if (taken.some((event) => event.kind === "state" && isFinal(event.state))) {
      events.close();
      void load();
    }
    if (first !== undefined) tell(first);
  });

  const events = createRunEvents(id, queue.add, () => {
    if (closed || isFinal(shown.state.value)) return;
    retry = setTimeout(load, serverGone.value ? retryAfter : 300);
  });

  void load();
  return {
    ...{ id, ...shown },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    reload() {
      clearTimeout(retry);
      void load();
    },
    close() {
      closed = true;
      queue.close();
      events.close();
      clearTimeout(retry);
    },
  };
}
