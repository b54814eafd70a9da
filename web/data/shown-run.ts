/** The run as a page shows it: the state that was last read, with the changes of later events. */
import { batch, type Signal, signal } from "@preact/signals";
import type { Decision } from "../../src/discovery/searches/decision.ts";
import type { Step } from "../../src/jobs/events.ts";
import type { RunDetail, RunEvent, RunState } from "../../src/server/api.ts";
import type { Fault } from "./api-client.ts";
import { createPace, type Pace } from "./pace.ts";

export interface ShownRun {
  /** The run as last read completely; undefined until then. */
  readonly detail: Signal<RunDetail | undefined>;
  readonly state: Signal<RunState | undefined>;
  readonly step: Signal<Step | undefined>;
  readonly done: Signal<number>;
  readonly total: Signal<number>;
  readonly pace: Signal<Pace | undefined>;
  /** Why it could not be read, or why the run failed. */
  readonly fault: Signal<Fault | undefined>;
  /** Grows during the search. */
  readonly decisions: readonly Decision[];
}

export interface ShownRunKeeper {
  readonly shown: ShownRun;
  /** Replaces the run by a new reading. */
  replace(read: RunDetail): void;
  /** @returns the number of the first new decision; undefined if there is none. */
  take(events: readonly RunEvent[]): number | undefined;
}

export function createShownRun(): ShownRunKeeper {
  const [detail, fault] = [signal<RunDetail | undefined>(undefined), signal<Fault | undefined>(undefined)];
  const [state, step] = [signal<RunState | undefined>(undefined), signal<Step | undefined>(undefined)];
  const [done, total] = [signal(0), signal(0)];
  const pace = createPace();
  const decisions: Decision[] = [];

  const apply = (event: Exclude<RunEvent, { readonly kind: "decision" }>) => {
    if (event.kind === "state") {
      state.value = event.state;
      fault.value = event.error;
      pace.restart();
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

  return {
    shown: { detail, state, step, done, total, pace: pace.value, fault, decisions },
    replace(read) {
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
    },
    take(events) {
      let first = decisions.length;
      let isNew = false;
      batch(() => {
        for (const event of events) {
          if (event.kind === "decision") {
            const index = Math.min(event.done - 1, decisions.length);
            first = Math.min(first, index);
            decisions[index] = event.decision;
            isNew = true;
            done.value = event.done;
            total.value = event.total;
          } else {
            apply(event);
            if (event.kind !== "search") continue;
            // Decisions begin here, also when a search begins a second time.
            decisions.length = first = 0;
            isNew = true;
          }
        }
        pace.note(done.value, total.value, performance.now());
      });
      return isNew ? first : undefined;
    },
  };
}
