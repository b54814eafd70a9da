/**
 * `mkdir -p`, one level at a time (Node): where a file system holds no folders of ours, as /proc, Node 20's own
 * `mkdir(path, { recursive: true })` tries again for ever, and a mistyped path would hang the program.
 */
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { errorCode } from "./file-error.ts";

/** @throws what the system says, with its `code`; ENOENT where nothing can be made. */
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
    // Not there a moment ago, or always there: both are well, unless it is a file.
    if (errorCode(error) === "EEXIST" && (await stat(path)).isDirectory()) return;
    throw error;
  }
}
