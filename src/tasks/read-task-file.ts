/** Reads a task file from disk, or from a pipe: `--task <(grep …)` (Node). */
import { createHash } from "node:crypto";
import { PithError } from "../errors.ts";
import { errorCode } from "../files/file-error.ts";
import { readInput } from "../files/read-input.ts";
import { foreignTaskFile } from "./foreign-task-file.ts";
import { parseTaskFile, type TaskFile } from "./task-file.ts";

/** In bytes; a million prompts fit. */
const LARGEST_FILE = 256 * 2 ** 20;

export interface ReadTaskFile extends TaskFile {
  /**
   * The hash of the bytes that were read, because a pipe gives them only once. 64 lower-case hexadecimal digits.
   */
  readonly sha256: string;
}

/**
 * @param signal ends the wait for a pipe without a writer.
 * @throws PithError "task" when the file can't be read, is too large, is not UTF-8 (with the line), or has a
 * malformed line; the signal's reason.
 */
export async function readTaskFile(path: string, signal?: AbortSignal): Promise<ReadTaskFile> {
  const bytes = await readBytes(path, signal);
  const foreign = foreignTaskFile(bytes);
  if (foreign !== undefined)
    throw new PithError("task", foreign.fault, { place: { file: path }, advice: foreign.advice });
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { ...parseTaskFile(decode(bytes, path), path), sha256 };
}

async function readBytes(path: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  try {
    const options = { code: "task", most: LARGEST_FILE, what: "a task file", pipes: true } as const;
    return await readInput(path, { ...options, signal });
  } catch (error) {
    if (!(error instanceof PithError) || errorCode(error.cause) !== "ENOENT") throw error;
    throw new PithError("task", "there is no such file", { place: { file: path }, cause: error.cause });
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

/** In UTF-8 the byte 0x0A only occurs as a line feed, so the lines can be tested one by one. */
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
