/**
 * Runs the preflight as soon as model and task are valid, and again when they change. Changes of the search's
 * options do not matter, because the result does not depend on them. An answer to an outdated request is ignored.
 */
import { batch, signal } from "@preact/signals";
import type { PreflightResult, RunOptions, TaskSource } from "../../src/server/api.ts";
import { type Fault, faultOf, post } from "../data/api-client.ts";

export const preflight = signal<PreflightResult | undefined>(undefined);
export const preflightFault = signal<Fault | undefined>(undefined);
export const asking = signal(false);

export interface PreflightBody {
  readonly model: string;
  readonly task: TaskSource;
  readonly options: RunOptions;
}

let asked: { readonly key: string; readonly abort: AbortController } | undefined;

/** @returns whether the request differs from the last one. */
export function askPreflight(body: PreflightBody): boolean {
  const { means, seed, bos, chat } = body.options;
  const key = JSON.stringify([body.model, body.task, means, seed, bos, chat]);
  if (asked?.key === key) return false;
  forgetPreflight();
  const abort = new AbortController();
  asked = { key, abort };
  asking.value = true;
  const settle = (found: PreflightResult | undefined, fault: Fault | undefined) => {
    if (abort.signal.aborted) return;
    batch(() => {
      asking.value = false;
      preflight.value = found;
      preflightFault.value = fault;
    });
  };
  post<PreflightResult>("/api/preflight", body, abort.signal).then(
    (found) => settle(found, undefined),
    (thrown) => {
      settle(undefined, faultOf(thrown));
      // The same request may be sent again.
      if (asked?.abort === abort) asked = undefined;
    },
  );
  return true;
}

export function forgetPreflight(): void {
  asked?.abort.abort();
  asked = undefined;
  batch(() => {
    asking.value = false;
    preflight.value = preflightFault.value = undefined;
  });
}
