/** Files of a circuit's folder over HTTP, with progress by bytes. */
import { PithError } from "../../src/errors.ts";

/** Bytes so far; the total is undefined where the server does not say it. */
export type OnBytes = (loaded: number, total: number | undefined) => void;

/** @throws PithError "circuit" that names the address. */
export async function fetchBytes(
  url: string,
  onBytes?: OnBytes,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const response = await request(url, signal);
  const encoded = response.headers.get("content-encoding");
  const length = response.headers.get("content-length");
  // A compressed file's length is not that of what arrives here.
  const total = encoded === null && length !== null ? Number(length) : undefined;
  try {
    if (response.body === null) return new Uint8Array(await response.arrayBuffer());
    return await collect(response.body, total, onBytes);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new PithError("circuit", "the connection broke off.", {
      place: { url },
      advice: "Try again.",
      cause,
    });
  }
}

/** @throws PithError "circuit" that names the address. */
export async function fetchJson(url: string, signal?: AbortSignal): Promise<unknown> {
  const response = await request(url, signal);
  try {
    return await response.json();
  } catch (cause) {
    signal?.throwIfAborted();
    throw new PithError("circuit", "is not JSON.", {
      place: { url },
      advice: "Copy the whole folder.",
      cause,
    });
  }
}

async function request(url: string, signal: AbortSignal | undefined): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, signal === undefined ? {} : { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new PithError("circuit", "can't be fetched.", {
      place: { url },
      advice: "Is the server that gave this page still there?",
      cause,
    });
  }
  if (response.ok) return response;
  throw new PithError("circuit", `the server answers ${response.status} ${response.statusText}`.trimEnd(), {
    place: { url },
    advice: "Copy the whole folder of the circuit.",
  });
}

async function collect(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  total: number | undefined,
  onBytes: OnBytes | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let loaded = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    loaded += value.length;
    onBytes?.(loaded, total);
  }
  const whole = new Uint8Array(loaded);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
