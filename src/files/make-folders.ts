/**
 * `mkdir -p`, one level at a time (Node). Node 20's own `mkdir(path, { recursive: true })` retries for ever where
 * a file system does not allow new folders, as /proc, so that a mistyped path would hang the program.
 */
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { errorCode } from "./file-error.ts";

/** @throws the system's error, with its `code`; ENOENT where nothing can be made. */
export async function makeFolders(path: string, mode?: number): Promise<void> {
  try {
    await makeOne(path, mode);
  } catch (error) {
    if (errorCode(error) !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolders(dirname(path), mode);
    await makeOne(path, mode);
  }
}

async function makeOne(path: string, mode: number | undefined): Promise<void> {
  try {
    await mkdir(path, mode);
  } catch (error) {
    // Another process made it just now, or it was there before: both are fine, unless it is a file.
    if (errorCode(error) === "EEXIST" && (await stat(path)).isDirectory()) return;
    throw error;
  }
}
