/**
 * Requests to a hub with the global fetch. `@huggingface/hub` has its own functions, but they follow redirects
 * automatically (whether the token is sent along then depends on the runtime), never retry, wait for ever on a
 * silent connection, and accept only tokens that start with `hf_`. So redirects are followed here, the token is
 * sent only to the hub's own origin, and there are an idle timeout and a limited number of retries.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { type HubSubject, HubUnreachable, hubError, refusal } from "./errors.ts";

export interface HubTiming {
  /** How long a connection may send nothing, in milliseconds. */
  readonly idleMs: number;
  /**
   * The lowest speed of one connection over a time window: a slower one is closed, because a byte a second would
   * take years.
   */
  readonly slowest: { readonly bytes: number; readonly ms: number };
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** Number of failures in a row, without a new byte in between, after which the download fails. */
  readonly attempts: number;
  /** The pause after the first failure in milliseconds; it doubles with each that follows. */
  readonly retryDelayMs: number;
  /** The longest pause, whatever Retry-After says. */
  readonly longestDelayMs: number;
}

export const defaultTiming: HubTiming = {
  idleMs: 30_000,
  // One KiB a second.
  slowest: { bytes: 60 * 2 ** 10, ms: 60_000 },
  now: () => performance.now(),
  attempts: 5,
  retryDelayMs: 500,
  longestDelayMs: 30_000,
};

export interface HubConnection {
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly timing: HubTiming;
  readonly signal: AbortSignal | undefined;
}

export interface HubResponse {
  readonly status: number;
  readonly headers: Headers;
  /**
   * The body. It ends early without an error if the connection closes normally; pauses and broken connections
   * throw HubUnreachable.
   */
  readonly chunks: () => AsyncGenerator<Uint8Array>;
  /** Closes the connection if the body is not needed. */
  readonly discard: () => void;
}

const tooManyRedirects = 5;

/**
 * One GET. Returns responses 200, 206 and 416.
 * @throws PithError "hub" for answers that no retry will change, HubUnreachable for the others.
 */
export async function openHubUrl(
  connection: HubConnection,
  subject: HubSubject,
  firstUrl: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<HubResponse> {
  const hubOrigin = new URL(connection.endpoint).origin;
  let url = new URL(firstUrl);
  let trusted = true;
  for (let hops = 0; ; hops++) {
    // After a redirect away from the hub's origin, a redirect back does not get the token again.
    trusted &&= url.origin === hubOrigin;
    const response = await fetchOnce(connection, url, {
      ...headers,
      // Sizes and Range count the file's own bytes, so the transfer must not be compressed.
      "accept-encoding": "identity",
      ...(trusted && connection.token !== undefined ? { authorization: `Bearer ${connection.token}` } : {}),
    });
    if (![301, 302, 303, 307, 308].includes(response.status)) {
      if ([200, 206, 416].includes(response.status)) return response;
      response.discard();
      throw refusal(connection, subject, firstUrl, response, trusted);
    }
    response.discard();
    const location = response.headers.get("location") ?? "";
    const target = URL.canParse(location, url) ? new URL(location, url) : null;
    if (target === null || !/^https?:$/.test(target.protocol)) {
      throw hubError(firstUrl, "the hub redirects to an address that can't be followed.");
    }
    if (hops === tooManyRedirects) throw hubError(firstUrl, `more than ${tooManyRedirects} redirects.`);
    url = target;
  }
}

/** A whole small body. Retried like all requests. */
export async function readHubText(
  connection: HubConnection,
  subject: HubSubject,
  url: string,
): Promise<{ readonly text: string; readonly headers: Headers }> {
  const longest = 64 * 2 ** 20;
  return withRetries(connection, async () => {
    const response = await openHubUrl(connection, subject, url, { accept: "application/json" });
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response.chunks()) {
      length += chunk.length;
      if (length > longest) throw hubError(url, `the answer is longer than ${longest} bytes.`);
      parts.push(chunk);
    }
    const declared = response.headers.get("content-length");
    if (declared !== null && length < Number(declared))
      throw new HubUnreachable(url, "the answer was cut off.");
    return { text: Buffer.concat(parts).toString("utf8"), headers: response.headers };
  });
}

/**
 * Runs until it succeeds, fails permanently, or has failed `attempts` times in a row.
 * @param progressed says, after a failure, whether new bytes have arrived since the previous failure.
 */
export async function withRetries<T>(
  connection: HubConnection,
  run: () => Promise<T>,
  progressed: () => boolean = () => false,
): Promise<T> {
  const { attempts, retryDelayMs, longestDelayMs } = connection.timing;
  const mostInAll = 20 * attempts;
  let inRow = 0;
  for (let inAll = 1; ; inAll++) {
    connection.signal?.throwIfAborted();
    try {
      return await run();
    } catch (error) {
      connection.signal?.throwIfAborted();
      if (!(error instanceof HubUnreachable)) throw error;
      // Slow connections also give bytes, but with them the download would never end.
      inRow = progressed() && !error.slow ? 1 : inRow + 1;
      if (inRow >= attempts || inAll >= mostInAll) throw error;
      // Random, so that many machines that failed together don't retry at the same time.
      const backoff = retryDelayMs * 2 ** (inRow - 1) * (0.75 + Math.random() / 2);
      await pause(Math.min(error.retryAfterMs ?? backoff, longestDelayMs), connection.signal);
    }
  }
}

/** @throws the signal's reason when it fires. */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

async function fetchOnce(
  connection: HubConnection,
  url: URL,
  headers: Record<string, string>,
): Promise<HubResponse> {
  const { signal, timing } = connection;
  const own = new AbortController();
  let idle = false;
  let timer: NodeJS.Timeout | undefined;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      idle = true;
      own.abort();
    }, timing.idleMs);
  };
  const failure = (error: unknown): unknown => {
    if (signal?.aborted) return signal.reason;
    if (error instanceof TooSlow) return new HubUnreachable(url.href, error.message, { slow: true });
    if (idle)
      return new HubUnreachable(url.href, `nothing came for ${timing.idleMs / 1000} s.`, { cause: error });
    return new HubUnreachable(url.href, `the connection failed (${reasonOf(error)}).`, { cause: error });
  };

  watch();
  let response: Response;
  try {
    response = await fetch(url, {
      headers,
      redirect: "manual",
      signal: signal === undefined ? own.signal : AbortSignal.any([signal, own.signal]),
    });
  } catch (error) {
    throw failure(error);
  } finally {
    clearTimeout(timer);
  }

  return {
    status: response.status,
    headers: response.headers,
    discard: () => own.abort(),
    chunks: async function* () {
      const reader = response.body?.getReader();
      // Only the time of waiting for the network counts, not the caller's time for storing a piece.
      const window = { ms: 0, bytes: 0 };
      try {
        for (;;) {
          watch();
          const asked = timing.now();
          const next = await reader?.read();
          clearTimeout(timer);
          if (next === undefined || next.done) return;
          window.ms += timing.now() - asked;
          window.bytes += next.value.length;
          if (window.ms >= timing.slowest.ms) {
            if (window.bytes < timing.slowest.bytes) throw new TooSlow(window.bytes, window.ms);
            Object.assign(window, { ms: 0, bytes: 0 });
          }
          yield next.value;
        }
      } catch (error) {
        throw failure(error);
      } finally {
        clearTimeout(timer);
        own.abort();
      }
    },
  };
}

class TooSlow extends Error {
  constructor(bytes: number, ms: number) {
    super(`only ${bytes} bytes came in ${Math.round(ms / 1000)} s, which is too slow to go on.`);
  }
}

/** The network's own message: fetch only says "fetch failed" and has the reason in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (!(cause instanceof Error)) return String(cause);
  const code = "code" in cause ? String(cause.code) : "";
  return [code, cause.message].filter((text) => text !== "").join(": ") || cause.name;
}
