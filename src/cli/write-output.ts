/** One file, written beside its place and renamed into it: whoever sees it sees all of it (Node). */

import { link, lstat, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { errorCode, fileError } from "../checkpoint/file-error.ts";
import { makeFolders } from "../checkpoint/make-folders.ts";
import { PithError } from "../errors.ts";

/** Whether the file may be written, so that a long run can fail before it starts. @throws PithError "output". */
export async function checkOutputFile(path: string, force: boolean): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return undefined;
    throw fileError("output", path, error);
  });
  if (found === undefined) return;
  if (!found.isFile()) throw outputError(path, "exists, and is not a file", "Choose another name.");
  if (!force) throw exists(path);
}

/** @throws PithError "output" where something is there that may not be replaced, or it can't be written. */
export async function writeOutputFile(path: string, text: string, force: boolean): Promise<void> {
  await checkOutputFile(path, force);
  const folder = dirname(resolve(path));
  const partial = join(folder, `.${basename(path)}.partial-${process.pid}`);
  try {
    await makeFolders(folder);
    await writeFile(partial, text);
    // A link, unlike a rename, refuses to replace what came to be there in the meantime.
    if (force) await rename(partial, path);
    else await link(partial, path);
  } catch (error) {
    throw errorCode(error) === "EEXIST" ? exists(path) : fileError("output", path, error);
  } finally {
    await rm(partial, { force: true });
  }
}

function exists(path: string): PithError {
  return outputError(path, "exists already", "Choose another name, or replace it with --force.");
}

function outputError(file: string, message: string, advice: string): PithError {
  return new PithError("output", message, { place: { file }, advice });
}
