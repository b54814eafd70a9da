/**
 * A folder of results (Node): written beside its place and renamed into it when it is whole, so that whoever
 * sees it sees all of it.
 */

import { lstat, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { errorCode, fileError } from "../checkpoint/file-error.ts";
import { PithError } from "../errors.ts";
import { writeBytes } from "../export/write-folder.ts";
import { makeFolders } from "../files/make-folders.ts";

export interface OutputFolderOptions {
  /** Replace a folder that is there. */
  readonly force: boolean;
  /** The file by which a folder that may be replaced is known; `--out ~ --force` must not cost anyone a home. */
  readonly marker: string;
}

/**
 * Whether the folder may be written, so that a long run can fail before it starts.
 * @throws PithError "output" when something is there and may not be replaced, or the place is no place.
 */
export async function checkResultFolder(
  directory: string,
  { force, marker }: OutputFolderOptions,
): Promise<void> {
  const path = resolve(directory);
  const fail = (message: string, advice = "") => {
    throw new PithError("output", message, { place: { file: path }, advice });
  };
  if (basename(path) === "") fail("is the root of the file system");
  const found = await lstat(path).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return undefined;
    throw fileError("output", path, error);
  });
  if (found === undefined) return;
  if (!found.isDirectory()) fail("exists, and is not a folder", "Choose another name.");
  if (!force) fail("exists already", "Choose another folder, or replace it with --force.");
  const content = await readdir(path);
  if (content.length > 0 && !content.includes(marker)) {
    fail(
      `exists, and is no such folder (it has no ${marker})`,
      "Even --force replaces only what this command made: choose another name, or remove it yourself.",
    );
  }
}

/**
 * @param files their contents by name.
 * @throws PithError "output", also for a full disk; nothing half-written is left.
 */
export function writeResultFolder(
  directory: string,
  files: Readonly<Record<string, string>>,
  options: OutputFolderOptions,
): Promise<void> {
  return fillResultFolder(directory, options, async (partial) => {
    for (const [name, text] of Object.entries(files)) {
      await writeBytes(join(partial, name), new TextEncoder().encode(text));
    }
  });
}

/**
 * @param fill writes what belongs into the folder that it is given, which then takes the place of `directory`.
 * @throws PithError "output", and whatever `fill` throws; nothing half-written is left.
 */
export async function fillResultFolder(
  directory: string,
  options: OutputFolderOptions,
  fill: (partial: string) => Promise<void>,
): Promise<void> {
  const target = resolve(directory);
  await checkResultFolder(target, options);
  const [partial, aside] = ["partial", "replaced"].map((role) =>
    join(dirname(target), `.${basename(target)}.${role}-${process.pid}`),
  ) as [string, string];
  try {
    await rm(partial, { recursive: true, force: true });
    await makeFolders(partial);
    await fill(partial);
    // A folder can't be renamed over one that has content, so that one steps aside first.
    const replaces = await rename(target, aside).then(
      () => true,
      () => false,
    );
    try {
      await rename(partial, target);
    } catch (error) {
      if (replaces) await rename(aside, target);
      throw error;
    }
    await rm(aside, { recursive: true, force: true });
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => {});
    throw fileError("output", target, error);
  }
}
