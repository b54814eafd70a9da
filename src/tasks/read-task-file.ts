/** A task file from disk (Node). */
import { open } from "node:fs/promises";
import { PithError } from "../errors.ts";
import { parseTaskFile, type TaskFile } from "./task-file.ts";

/** In bytes; a million prompts fit. */
const LARGEST_FILE = 256 * 2 ** 20;

/**
 * @throws PithError "task" when the file can't be read, is too large, is not UTF-8 (with the line), or holds a
 *   malformed line.
 */
export async function readTaskFile(path: string): Promise<TaskFile> {
  return parseTaskFile(decode(await readBytes(path), path), path);
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, "r");
    try {
      const info = await file.stat();
      if (info.isDirectory())
        throw new PithError("task", "is a folder, not a task file", { place: { file: path } });
      if (info.size > LARGEST_FILE) {
        const limit = `${LARGEST_FILE / 2 ** 20} MiB`;
        throw new PithError("task", `${info.size} bytes are too many for a task file (${limit} at most)`, {
          place: { file: path },
        });
      }
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof PithError) throw cause;
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    const reason = missing
      ? "there is no such file"
      : `can't be read: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new PithError("task", reason, { place: { file: path }, cause });
  }
}

function decode(bytes: Uint8Array, path: string): string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new PithError("task", "not UTF-8 text.", {
      place: { file: path, line: firstBadLine(bytes, decoder) },
      advice: "Save the file as UTF-8.",
      cause,
    });
  }
}

/** No UTF-8 character holds the byte 0x0A, so the lines can be tried one by one. */
function firstBadLine(bytes: Uint8Array, decoder: TextDecoder): number {
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    start = end + 1;
  }
  return line;
}
