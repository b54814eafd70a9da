/**
 * A run as it goes: what it had done when the page came, then its stream of events. Events are gathered and
 * handed on once an animation frame, a bounded number at a time, so that a search however fast leaves the page
 * room to draw. When the stream breaks (the server went, or was started anew) the run is read again whole.
 */
import { batch, type Signal, signal } from "@preact/signals";
import type { Decision } from "../../src/discovery/searches/decision.ts";
import type { Step } from "../../src/jobs/events.ts";
import type { RunDetail, RunEvent, RunState } from "../../src/server/api.ts";
import { ApiFailure, type Fault, faultOf, get, serverGone } from "./api-client.ts";
import { createPace, type Pace } from "./pace.ts";

/** Decisions that are shown in one frame at most: half a frame's work on a slow machine. */
const perFrame = 48;
const retryAfter = 1500;

export interface LiveRun {
  readonly id: string;
  /** As last read whole; undefined until it is there. */
  readonly detail: Signal<RunDetail | undefined>;
  readonly state: Signal<RunState | undefined>;
  readonly step: Signal<Step | undefined>;
  readonly done: Signal<number>;
  readonly total: Signal<number>;
  readonly pace: Signal<Pace | undefined>;
  /** Why it could not be read, or why it failed. */
  readonly fault: Signal<Fault | undefined>;
  /** Grows while the search goes. */
  readonly decisions: readonly Decision[];
  /** Called with the range of decisions that are new, at most once a frame; from 0 when all is to be drawn anew. */
  subscribe(listener: (from: number, to: number) => void): () => void;
  /** Reads it anew, and follows it again if it had come to an end. */
  reload(): void;
  close(): void;
}

export function isFinal(state: RunState | undefined): boolean {
  return state === "done" || state === "failed" || state === "cancelled" || state === "damaged";
}

export function followRun(id: string): LiveRun {
  const [detail, fault] = [signal<RunDetail | undefined>(undefined), signal<Fault | undefined>(undefined)];
  const [state, step] = [signal<RunState | undefined>(undefined), signal<Step | undefined>(undefined)];
  const [done, total] = [signal(0), signal(0)];
  const pace = createPace();
  const decisions: Decision[] = [];
  const listeners = new Set<(from: number, to: number) => void>();
  const waiting: RunEvent[] = [];
  let source: EventSource | undefined;
  let frame: number | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let closed = false;
  let sequence = -1;

  const tell = (from: number) => {
    for (const listener of listeners) listener(from, decisions.length);
  };

  const load = async () => {
    try {
      const read = await get<RunDetail>(`/api/runs/${encodeURIComponent(id)}`);
      if (closed) return;
      waiting.length = 0;
      sequence = read.sequence;
      batch(() => {
        decisions.splice(0, decisions.length, ...read.decisions);
        detail.value = read;
        state.value = read.state;
        step.value = read.step;
        done.value = read.done;
        total.value = read.total;
        fault.value = read.error;
        pace.restart();
      });
      tell(0);
      // A queued, paused or running one may change; a finished one does not.
      if (!isFinal(read.state)) listen();
    } catch (thrown) {
      if (closed) return;
      // 401: a server that was started anew, until its address is opened.
      const isGone = thrown instanceof ApiFailure && (thrown.status === 0 || thrown.status === 401);
      if (isGone) retry = setTimeout(load, retryAfter);
      else fault.value = faultOf(thrown);
    }
  };

  const listen = () => {
    source?.close();
    source = new EventSource(`/api/runs/${encodeURIComponent(id)}/events?after=${sequence}`);
    source.onmessage = ({ data, lastEventId }) => {
      const event = JSON.parse(data) as RunEvent;
      // Progress has no number of its own; all else is taken once, though a stream may say it twice.
      if (event.kind !== "progress") {
        const number = Number(lastEventId);
        if (number <= sequence) return;
        sequence = number;
      }
      waiting.push(event);
      schedule();
    };
    source.onerror = () => {
      source?.close();
      if (closed || isFinal(state.value)) return;
      retry = setTimeout(load, serverGone.value ? retryAfter : 300);
    };
  };

  const schedule = () => {
    if (frame !== undefined || closed) return;
    // A page in the background gets no frames.
    frame = document.hidden ? Number(setTimeout(flush, 250)) : requestAnimationFrame(flush);
  };

  const flush = () => {
    frame = undefined;
    if (closed) return;
    let first = decisions.length;
    let isNew = false;
    let taken = 0;
    batch(() => {
      while (taken < waiting.length && taken < perFrame) {
        const event = waiting[taken++];
        if (event?.kind === "decision") {
          const index = Math.min(event.done - 1, decisions.length);
          first = Math.min(first, index);
          decisions[index] = event.decision;
          isNew = true;
          done.value = event.done;
          total.value = event.total;
        } else if (event !== undefined) {
          apply(event);
          if (event.kind !== "search") continue;
          // What is decided begins here, also where a search begins a second time.
          decisions.length = first = 0;
          isNew = true;
        }
      }
      waiting.splice(0, taken);
      pace.note(done.value, total.value, performance.now());
    });
    if (isNew) tell(first);
    if (waiting.length > 0) schedule();
  };

  const apply = (event: Exclude<RunEvent, { readonly kind: "decision" }>) => {
    if (event.kind === "state") {
      state.value = event.state;
      fault.value = event.error;
      pace.restart();
      // What it has found stands in the run itself.
      if (isFinal(event.state)) {
        source?.close();
        void load();
      }
    } else if (event.kind === "step") {
      step.value = event.step;
      pace.restart();
    } else if (event.kind === "progress") {
      done.value = event.done;
      total.value = event.total;
    } else if (detail.value !== undefined) {
      const { layers, headsPerLayer, candidates } = event;
      detail.value = { ...detail.value, layers, headsPerLayer };
      total.value = candidates;
    }
  };

  void load();
  return {
    ...{ id, detail, state, step, done, total, fault, decisions },
    pace: pace.value,
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
      source?.close();
      clearTimeout(retry);
      if (frame !== undefined) cancelAnimationFrame(frame);
    },
  };
}
