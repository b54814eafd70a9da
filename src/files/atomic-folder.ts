/**
 * A folder that appears whole or not at all (Node). It is filled beside its place, as `.NAME.partial-PID`, and takes
 * its name by one rename when it is whole. A folder can't be renamed over one that has content, so an old one first
 * steps aside, to `.NAME.replaced-PID`; if the process dies between the two renames, the next one puts it back.
 */
import { lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { PithError } from "../errors.ts";
import { errorCode, fileError } from "./file-error.ts";
import { makeFolders } from "./make-folders.ts";
import { isAlive } from "./process-life.ts";
import { syncFolder } from "./write-file.ts";

export interface AtomicFolder {
  /** Where it lies until it is whole. */
  readonly partial: string;
  /**
   * Gives it its name. @param mayReplace throws where what lies there now may not be replaced.
   * @throws PithError "output"; then what was there is there again, and the partial folder is for `discard`.
   */
  commit(mayReplace: () => Promise<void>): Promise<void>;
  /** Removes it; nothing after `commit`. */
  discard(): Promise<void>;
}

/** Partial folders that this process is at work on. */
const active = new Set<string>();

/** Makes an empty folder beside `directory`, and those above it. @throws PithError "output". */
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
 * Removes what killed processes left beside `target`, and puts back what one had moved away to replace it.
 * @param isGone whether the process of a number is at work on it no more.
 */
export async function recoverFolder(target: string, isGone: (pid: number) => boolean): Promise<void> {
  const folder = dirname(target);
  const prefix = `.${basename(target)}.`;
  for (const name of await readdir(folder)) {
    const [, role, pid] =
      /^(partial|replaced)-(\d+)$/.exec(name.startsWith(prefix) ? name.slice(prefix.length) : "") ?? [];
    if (role === undefined || !isGone(Number(pid))) continue;
    const leftover = join(folder, name);
    if (role === "replaced" && (await kindOf(target)) === undefined) await rename(leftover, target);
    else await removeFolder(leftover);
  }
}

/** What lies at a path; a link counts as "other". @throws PithError "output". */
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
 * A folder that is put back must be whole, so one that is being removed takes the name of one that is not; where a
 * full disk gives it none, it is removed as it is.
 */
async function removeFolder(path: string): Promise<void> {
  const doomed = path.replace(/replaced-(\d+)$/, "partial-$1");
  if (doomed !== path) {
    await rm(doomed, { recursive: true, force: true });
    await rename(path, doomed).catch(() => undefined);
  }
  for (const each of new Set([doomed, path])) await rm(each, { recursive: true, force: true });
}

/** Has all that is in a folder, and the names in it, on the disk before the folder gets its name. */
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

/** @param role "partial" while it is written or removed, "replaced" for what makes room for it. */
function siblingName(target: string, role: "partial" | "replaced"): string {
  return join(dirname(target), `.${basename(target)}.${role}-${process.pid}`);
}
