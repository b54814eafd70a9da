/** Loads files of a circuit's folder over HTTP, with progress in bytes, and compares them with their records. */
import { PithError } from "../../src/errors.ts";
import { type FileRecord, runningHash } from "../../src/export/checksum.ts";

/** Bytes so far; the total is undefined if the server does not give it. */
type OnBytes = (loaded: number, total: number | undefined) => void;

export interface FetchOptions {
  /** The record of the file; left out if there is none. */
  readonly expected?: FileRecord | undefined;
  readonly onBytes?: OnBytes | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws PithError "circuit" that names the address, also if the file is not the expected one. */
export async function fetchBytes(
  url: string,
  { expected, onBytes, signal }: FetchOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const response = await request(url, signal);
  const encoded = response.headers.get("content-encoding");
  const length = response.headers.get("content-length");
  // The length of a compressed file is not the length of the data here.
  const total = encoded === null && length !== null ? Number(length) : undefined;
  let arrived: Arrived;
  try {
    arrived = await collect(response, total, onBytes);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new PithError("circuit", "the connection broke off.", {
      place: { url },
      advice: "Try again.",
      cause,
    });
  }
  if (expected !== undefined) requireExpected(arrived, expected, url);
  return arrived.bytes;
}

function requireExpected({ bytes, sha256 }: Arrived, expected: FileRecord, url: string): void {
  if (bytes.length === expected.bytes && sha256 === expected.sha256) return;
  const difference =
    bytes.length === expected.bytes
      ? "its SHA-256 is another"
      : `it has ${bytes.length} bytes instead of ${expected.bytes}`;
  throw new PithError("circuit", `is not the file that was shipped: ${difference}.`, {
    place: { url },
    advice: "It was damaged or changed on its way: copy the whole folder again.",
  });
}

/** @throws PithError "circuit" that names the address, also if the file is not the expected one. */
export async function fetchJson(url: string, options: Omit<FetchOptions, "onBytes"> = {}): Promise<unknown> {
  const bytes = await fetchBytes(url, options);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
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

interface Arrived {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sha256: string;
}

async function collect(
  { body }: Response,
  total: number | undefined,
  onBytes: OnBytes | undefined,
): Promise<Arrived> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const hash = runningHash();
  let loaded = 0;
  const reader = body?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    hash.add(value);
    loaded += value.length;
    onBytes?.(loaded, total);
  }
  const whole = new Uint8Array(loaded);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return { bytes: whole, sha256: hash.digest() };
}
