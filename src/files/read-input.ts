/**
 * Reads whole files from outside, up to a size limit (Node). A file's name does not say what kind of file it is:
 * a device gives bytes without end, and a named pipe gives none until a process writes to it. So bytes are
 * counted as they arrive, and where the caller accepts pipes, the caller's signal ends the wait for one.
 */
import { constants, openSync } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { Socket } from "node:net";
import { basename } from "node:path";
import { PithError, type PithErrorCode } from "../errors.ts";
import { fileError } from "./file-error.ts";
import { parseJsonObject } from "./json.ts";
import { jsonBounds } from "./json-bounds.ts";

const CHUNK_BYTES = 2 ** 20;

export interface ReadOptions {
  /** The code of the error when the file can't be read. */
  readonly code: PithErrorCode;
  /** The size limit, in bytes. */
  readonly most: number;
  /** The kind of file in errors: "a task file". */
  readonly what?: string;
  /** Whether pipes and devices are accepted: `--task <(grep …)`. Left out, only regular files are. */
  readonly pipes?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Gets each piece as it arrives, and may throw to end the reading. */
  readonly look?: (piece: Uint8Array) => void;
}

/**
 * @throws PithError with the given code when there is no such file, it can't be read, is not a regular file, or
 * holds more than `most` bytes; its `cause` is the system's error, if there is one. Throws the signal's reason
 * when it fires.
 */
export async function readInput(path: string, options: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { code, what = "this file" } = options;
  const place = { file: path };
  const pieces: Uint8Array[] = [];
  let length = 0;
  const limit = `${Math.round(options.most / 2 ** 20)} MiB at most`;
  const take = (piece: Uint8Array) => {
    options.signal?.throwIfAborted();
    length += piece.length;
    if (length > options.most) {
      throw new PithError(code, `more bytes come than ${what} may have (${limit})`, { place });
    }
    options.look?.(piece);
    pieces.push(piece);
  };
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new PithError(code, `is a folder, not ${what}`, { place });
    if (found.isFile() && found.size > options.most) {
      throw new PithError(code, `${found.size} bytes are too many for ${what} (${limit})`, { place });
    }
    if (!found.isFile() && options.pipes !== true) {
      throw new PithError(code, "is not a regular file", { place });
    }
    await (found.isFIFO() ? readPipe(path, take, options.signal) : readHandle(path, take));
  } catch (error) {
    options.signal?.throwIfAborted();
    throw fileError(code, path, error);
  }
  return concatenate(pieces, length);
}

/**
 * The bytes of a JSON file. The limits of `json-bounds.ts` are checked while it is read, so a hostile file need
 * not be read to its end.
 */
export function readJsonBytes(path: string, options: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
  const bounds = jsonBounds();
  return readInput(path, {
    ...options,
    look: (piece) => {
      options.look?.(piece);
      const fault = bounds.add(piece);
      if (fault !== undefined) throw new PithError(options.code, fault, { place: { file: path } });
    },
  });
}

/** In bytes. Real configs have a few KB; index files of the largest models have a few MB. */
const LARGEST_JSON = 64 * 2 ** 20;

/**
 * The object that a JSON file holds.
 * @param options `most` is 64 MiB when it is left out.
 * @throws PithError as `readInput` and `parseJsonObject` do.
 */
export async function readJsonObject(
  path: string,
  options: Omit<ReadOptions, "most" | "look"> & { readonly most?: number },
): Promise<Record<string, unknown>> {
  const bytes = await readJsonBytes(path, { most: LARGEST_JSON, ...options });
  return parseJsonObject(bytes, options.code, { file: path }, basename(path));
}

async function readHandle(path: string, take: (piece: Uint8Array) => void): Promise<void> {
  const handle: FileHandle = await open(path, "r");
  try {
    for (;;) {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(CHUNK_BYTES), 0, CHUNK_BYTES, null);
      if (bytesRead === 0) return;
      take(bytesRead < CHUNK_BYTES ? buffer.slice(0, bytesRead) : buffer);
    }
  } finally {
    await handle.close();
  }
}

/**
 * Opening a pipe normally blocks a thread until a writer opens it too; nothing can interrupt that thread, and the
 * process could not end. Here the pipe is opened without waiting, and the event loop watches it like a
 * connection.
 */
async function readPipe(
  path: string,
  take: (piece: Uint8Array) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  // A plain descriptor, which the socket closes; a FileHandle would close it a second time.
  const socket = new Socket({
    fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK),
    readable: true,
    writable: false,
  });
  const abort = () => socket.destroy();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    for await (const piece of socket) take(piece as Uint8Array);
  } finally {
    signal?.removeEventListener("abort", abort);
    socket.destroy();
  }
}

function concatenate(pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
