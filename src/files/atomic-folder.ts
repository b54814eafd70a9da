/**
 * A folder that appears complete or not at all (Node). It is filled beside its place, as `.NAME.partial-PID`, and
 * takes its name by one rename when it is complete. A folder can't be renamed over one that has content, so an
 * old folder is first renamed to `.NAME.replaced-PID`; if the process dies between the two renames, the next
 * process restores the old folder.
 */
import { lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { PithError } from "../errors.ts";
import { errorCode, fileError } from "./file-error.ts";
import { makeFolders } from "./make-folders.ts";
import { isAlive } from "./process-life.ts";
import { isSpillInUse } from "./spill-folder.ts";
import { syncFolder } from "./write-file.ts";

export interface AtomicFolder {
  /** The path of the folder until it is complete. */
  readonly partial: string;
  /**
   * Gives the folder its final name. @param mayReplace throws when the existing folder may not be replaced.
   * @throws PithError "output"; then the old folder is restored, and the caller calls `discard` for the partial
   * one.
   */
  commit(mayReplace: () => Promise<void>): Promise<void>;
  /** Removes the partial folder; does nothing after `commit`. */
  discard(): Promise<void>;
}

/** Partial folders that this process is filling now. */
const active = new Set<string>();

/** Makes an empty folder beside `directory`, and the folders above it. @throws PithError "output". */
export async function beginFolder(directory: string): Promise<AtomicFolder> {
  const target = resolve(directory);
  const partial = siblingName(target, "partial");
  if (active.has(partial)) {
    throw new PithError("output", "is being written by this process already", { place: { file: target } });
  }
  active.add(partial);
  try {
    await makeFolders(dirname(target));
    await recoverFolder(target, (pid) => pid === process.pid || !isAlive(pid));
    await mkdir(partial);
  } catch (error) {
    active.delete(partial);
    throw fileError("output", partial, error);
  }
  return {
    partial,
    async commit(mayReplace) {
      if (!active.has(partial)) throw new Error("this folder was committed or discarded already");
      await mayReplace();
      try {
        await syncAll(partial);
        await takePlace(partial, target);
      } catch (error) {
        throw fileError("output", target, error);
      }
      active.delete(partial);
    },
    async discard() {
      if (!active.has(partial)) return;
      await rm(partial, { recursive: true, force: true });
      active.delete(partial);
    },
  };
}

/**
 * Removes what killed processes left beside `target`, and restores a folder that one of them had renamed in order
 * to replace it.
 * @param isGone whether the process with this number no longer works on the folder.
 */
export async function recoverFolder(target: string, isGone: (pid: number) => boolean): Promise<void> {
  const folder = dirname(target);
  const prefix = `.${basename(target)}.`;
  for (const name of await readdir(folder)) {
    const [, role, pid] =
      /^(partial|replaced|spill)-(\d+)$/.exec(name.startsWith(prefix) ? name.slice(prefix.length) : "") ?? [];
    const leftover = join(folder, name);
    if (role === undefined || !isGone(Number(pid)) || isSpillInUse(leftover)) continue;
    if (role === "replaced" && (await kindOf(target)) === undefined) await rename(leftover, target);
    else await removeFolder(leftover);
  }
}

/** The kind of file at a path; a link counts as "other". @throws PithError "output". */
export async function kindOf(path: string): Promise<"folder" | "other" | undefined> {
  try {
    return (await lstat(path)).isDirectory() ? "folder" : "other";
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw fileError("output", path, error);
  }
}

async function takePlace(partial: string, target: string): Promise<void> {
  const aside = siblingName(target, "replaced");
  const replaces = (await kindOf(target)) !== undefined;
  if (replaces) await rename(target, aside);
  try {
    await rename(partial, target);
  } catch (error) {
    if (replaces) await rename(aside, target);
    throw error;
  }
  await syncFolder(dirname(target));
  if (replaces) await removeFolder(aside);
}

/**
 * Removes a folder. It is renamed to a partial folder's name first, because a folder that is only half removed
 * must not be restored as if it were complete. Where a full disk prevents the rename, it is removed under its own
 * name.
 */
async function removeFolder(path: string): Promise<void> {
  const doomed = path.replace(/replaced-(\d+)$/, "partial-$1");
  if (doomed !== path) {
    await rm(doomed, { recursive: true, force: true });
    await rename(path, doomed).catch(() => undefined);
  }
  for (const each of new Set([doomed, path])) await rm(each, { recursive: true, force: true });
}

/** Flushes all files of a folder, and the names in it, to the disk before the folder gets its name. */
async function syncAll(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncAll(path);
    if (!entry.isFile()) continue;
    const handle = await open(path, "r+");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
  await syncFolder(folder);
}

/**
 * @param role "partial" while the folder is written or removed, "replaced" for the old folder that it replaces.
 */
function siblingName(target: string, role: "partial" | "replaced"): string {
  return join(dirname(target), `.${basename(target)}.${role}-${process.pid}`);
}
