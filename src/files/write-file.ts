/**
 * Writes files that are flushed to the disk before the call returns, and files that appear complete or not at all
 * (Node).
 */
import { link, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileError } from "./file-error.ts";
import { isTagAlive, processTag } from "./process-life.ts";

/**
 * Writes and flushes a file. @param mode of a new file, as in chmod. @throws PithError "output", also for a full
 * disk.
 */
export async function writeBytes(path: string, bytes: Uint8Array, mode?: number): Promise<void> {
  try {
    const handle = await open(path, "w", mode);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError("output", path, error, bytes.length);
  }
}

export function writeText(path: string, text: string, mode?: number): Promise<void> {
  return writeBytes(path, new TextEncoder().encode(text), mode);
}

/**
 * Writes a file beside its place, as `.NAME.partial-PROCESS`, and renames it. So a reader, and the next start
 * after a crash, finds either the old file or the new one. Removes what killed processes left beside it.
 * @param replaces whether an existing file may be replaced. @throws PithError "output"; its cause has the code
 * EEXIST when a file exists and may not be replaced.
 */
export async function placeFile(
  path: string,
  text: string,
  { replaces, mode }: { readonly replaces: boolean; readonly mode?: number },
): Promise<void> {
  await clearPartialFiles(path);
  const partial = partialFile(path);
  try {
    await writeText(partial, text, mode);
    // Unlike a rename, a link fails when the file has come to exist in the meantime.
    if (replaces) await rename(partial, path);
    else await link(partial, path);
    await syncFolder(dirname(path));
  } catch (error) {
    throw fileError("output", path, error);
  } finally {
    await rm(partial, { force: true });
  }
}

/** The name under which this process writes a file until it is whole. */
export function partialFile(path: string): string {
  return join(dirname(resolve(path)), `.${basename(path)}.partial-${processTag()}`);
}

async function clearPartialFiles(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  const prefix = `.${basename(path)}.partial-`;
  for (const name of await readdir(folder).catch(() => [])) {
    const tag = name.slice(prefix.length);
    if (!name.startsWith(prefix) || !/^\d+(-\d+)?$/.test(tag) || isTagAlive(tag)) continue;
    await rm(join(folder, name), { force: true }).catch(() => undefined);
  }
}

/** Flushes the names in a folder, so that they survive a crash. Some file systems can't; that is not an error. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r").catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
