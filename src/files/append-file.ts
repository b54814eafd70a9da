/**
 * A file that grows line by line (Node). When a line cannot be written, for example because the disk is full,
 * none of its bytes stay in the file: the next line is written at the same position.
 */
import { appendFile, truncate } from "node:fs/promises";
import { fileError } from "./file-error.ts";

export interface AppendFile {
  /**
   * Writes one line. Lines are written one after another, in the order of the calls. @throws PithError "output".
   */
  append(text: string): Promise<void>;
  /** Resolves when nothing is being written any more. */
  settled(): Promise<void>;
}

/** @param length of the valid content in bytes; bytes after it are an incomplete line and are cut off. */
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

/**
 * The lines of a text that end in a line feed, without it. Text after the last line feed is an incomplete line
 * and is left out.
 */
export function wholeLines(text: string): readonly string[] {
  return text.split("\n").slice(0, -1);
}
