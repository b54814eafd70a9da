/**
 * Writes one output file of a command (Node): it is checked before the work begins that the file can be written,
 * and the file appears complete or not at all.
 */

import { lstat, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { PithError } from "../errors.ts";
import { errorCode, fileError } from "../files/file-error.ts";
import { makeFolders } from "../files/make-folders.ts";
import { partialFile, placeFile } from "../files/write-file.ts";

/** Checks that the file can be written, so that a long run fails before it starts. @throws PithError "output". */
export async function checkOutputFile(path: string, force: boolean): Promise<void> {
  await checkFree(path, force);
  // Permissions alone are not enough: some places accept no files from anyone.
  const probe = partialFile(path);
  try {
    await makeFolders(dirname(probe));
    await writeFile(probe, "");
  } catch (error) {
    throw outputError(
      path,
      "can't be written there",
      `Choose another place (${errorCode(error) ?? "error"}).`,
    );
  } finally {
    await rm(probe, { force: true });
  }
}

async function checkFree(path: string, force: boolean): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return undefined;
    throw fileError("output", path, error);
  });
  if (found === undefined) return;
  if (!found.isFile()) throw outputError(path, "exists, and is not a file", "Choose another name.");
  if (!force) throw exists(path);
}

/** @throws PithError "output" if a file exists that may not be replaced, or it can't be written. */
export async function writeOutputFile(path: string, text: string, force: boolean): Promise<void> {
  await checkFree(path, force);
  try {
    await makeFolders(dirname(path));
    await placeFile(path, text, { replaces: force });
  } catch (error) {
    const isThere = error instanceof PithError && errorCode(error.cause) === "EEXIST";
    throw isThere ? exists(path) : fileError("output", path, error);
  }
}

function exists(path: string): PithError {
  return outputError(path, "exists already", "Choose another name, or replace it with --force.");
}

function outputError(file: string, message: string, advice: string): PithError {
  return new PithError("output", message, { place: { file }, advice });
}
