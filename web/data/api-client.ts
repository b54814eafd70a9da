/**
 * Sends requests to the studio's server. It distinguishes errors in the server's answers, which are shown where
 * they happened, from a missing server, which is shown above all pages.
 */
import { computed, signal } from "@preact/signals";
import { PithError } from "../../src/errors.ts";
import type { ApiError } from "../../src/server/api.ts";

export type Fault = ApiError["error"];

/** An error that the server answered with. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  readonly fault: Fault;
  readonly status: number;

  constructor(fault: Fault, status: number) {
    super(fault.message);
    this.fault = fault;
    this.status = status;
  }
}

/** True while the server does not answer. */
export const serverGone = signal(false);
/**
 * True while the server answers but was restarted and does not know this page: opening its new address lets the
 * page in.
 */
const serverAnew = signal(false);
/** Whether the latest data may be out of date. */
export const outOfTouch = computed(() => serverGone.value || serverAnew.value);

export function get<T>(path: string, abort?: AbortSignal): Promise<T> {
  return ask(path, { method: "GET" }, abort);
}

export function post<T>(path: string, body: unknown = {}, abort?: AbortSignal): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) }, abort);
}

export function remove(path: string): Promise<void> {
  return ask(path, { method: "DELETE" });
}

async function ask<T>(path: string, init: RequestInit, abort?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, ...(abort && { signal: abort }) });
  } catch (cause) {
    if (abort?.aborted) throw cause;
    serverGone.value = true;
    serverAnew.value = false;
    throw new ApiFailure(goneFault, 0);
  }
  serverGone.value = false;
  serverAnew.value = response.status === 401;
  const text = await response.text();
  const value = parse(text);
  if (response.ok) return value as T;
  const fault = (value as Partial<ApiError> | undefined)?.error;
  throw new ApiFailure(
    fault ?? {
      code: "server",
      message: `The studio's server answered with status ${response.status}, and without a reason.`,
      advice: "The terminal that runs `pith studio` may say more.",
    },
    response.status,
  );
}

const goneFault: Fault = {
  code: "gone",
  message: "The studio's server does not answer.",
  advice: "Start `pith studio` again; finished and queued runs are kept.",
};

function parse(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Any thrown value as a fault to show. Undefined for requests that this page cancelled. */
export function faultOf(thrown: unknown): Fault | undefined {
  if (thrown instanceof ApiFailure) return thrown.fault;
  if (thrown instanceof DOMException && thrown.name === "AbortError") return undefined;
  // On this page these errors come from the circuit in the browser, which knows tasks only by their prompts.
  if (thrown instanceof PithError) {
    return {
      code: thrown.code === "task" ? "prompt" : thrown.code,
      message: thrown.message,
      advice: thrown.advice,
    };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  // The messages of different browsers.
  if (/dynamically imported module|importing a module|module script/i.test(message)) {
    return {
      code: "page",
      message: "A part of this page could not be fetched.",
      advice: "Reload the page: if Pith was built anew meanwhile, its parts have other names now.",
    };
  }
  return { code: "page", message };
}
