/** Helpers for tests of modules that use a server or follow its events: both are simulated. */
import { vi } from "vitest";

export interface PlayedRequest {
  readonly method: string;
  readonly path: string;
  /** The parsed JSON; undefined if there was none. */
  readonly body: unknown;
}

/**
 * Answers every request of this test file; if it throws, the connection fails. Aborted requests reject.
 * @returns the requests so far, in order.
 */
export function playServer(
  answer: (request: PlayedRequest) => Response | Promise<Response>,
): readonly PlayedRequest[] {
  const requests: PlayedRequest[] = [];
  vi.stubGlobal("fetch", async (path: string, { method = "GET", body, signal }: RequestInit = {}) => {
    const request = { method, path, body: typeof body === "string" ? JSON.parse(body) : undefined };
    requests.push(request);
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
    return await Promise.race([aborted, answer(request)]);
  });
  return requests;
}

export function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status });
}

/** A promise that the test resolves. */
export function later<T>(): { readonly promise: Promise<T>; readonly give: (value: T | Promise<T>) => void } {
  let give: (value: T | Promise<T>) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    give = resolve;
  });
  return { promise, give };
}

/** Resolves after everything that waits only for other promises. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
