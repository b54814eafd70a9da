/**
 * A file of lines that grows line by line (Node). A line that could not be written, on a full disk say, leaves nothing
 * of itself: the next one stands where it would have stood.
 */
import { appendFile, truncate } from "node:fs/promises";
import { fileError } from "./file-error.ts";

export interface AppendFile {
  /** Lines are written one after another, whoever hands them in. @throws PithError "output". */
  append(text: string): Promise<void>;
  /** Resolves when nothing is being written any more. */
  settled(): Promise<void>;
}

/** @param length of the file in bytes: what is beyond is torn. */
export function openAppendFile(path: string, length: number): AppendFile {
  let whole = length;
  let writing: Promise<void> = Promise.resolve();
  const write = async (text: string): Promise<void> => {
    try {
      await appendFile(path, text);
      whole += Buffer.byteLength(text);
    } catch (error) {
      await truncate(path, whole).catch(() => undefined);
      throw fileError("output", path, error);
    }
  };
  return {
    append(text) {
      const written = writing.then(() => write(text));
      writing = written.catch(() => undefined);
      return written;
    },
    settled: () => writing,
  };
}

/** The lines of a text that end in a line feed, which is left out; what stands after the last one is torn. */
export function wholeLines(text: string): readonly string[] {
  return text.split("\n").slice(0, -1);
}
