/**
 * The cache that Python's huggingface_hub keeps, for one model: `models--org--name/{blobs/<hash>,
 * refs/<revision>, snapshots/<commit>/<file> → ../../blobs/<hash>}`. This module has only the layout.
 * `@huggingface/hub` has it too, but with a fixed `.incomplete` name for every writer, no verification, and
 * messages on the console.
 */

import { randomUUID } from "node:crypto";
import { copyFile, link, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { getRepoFolderName } from "@huggingface/hub";
import { PithError } from "../../errors.ts";
import { errorCode } from "../../files/file-error.ts";
import { makeFolders } from "../../files/make-folders.ts";
import { isCommit } from "./name.ts";

export interface RepositoryCache {
  readonly blobs: string;
  readonly refs: string;
  readonly snapshots: string;
  /** The folder of locks, beside the models, where Python keeps its own. */
  readonly locks: string;
}

export function repositoryCache(cacheFolder: string, repository: string): RepositoryCache {
  const name = getRepoFolderName({ type: "model", name: repository });
  const folder = join(cacheFolder, name);
  return {
    blobs: join(folder, "blobs"),
    refs: join(folder, "refs"),
    snapshots: join(folder, "snapshots"),
    locks: join(cacheFolder, ".locks", name),
  };
}

/** The commit of a revision when it was last fetched. */
export async function readCommit(cache: RepositoryCache, revision: string): Promise<string | undefined> {
  if (isCommit(revision)) return revision;
  const text = await readFile(join(cache.refs, revision), "utf8").catch(() => "");
  return isCommit(text.trim()) ? text.trim() : undefined;
}

/** Records the present commit of the revision. A cache that can't be written to is not changed. */
export async function rememberCommit(
  cache: RepositoryCache,
  revision: string,
  commit: string,
): Promise<void> {
  if ((await readCommit(cache, revision)) === commit) return;
  const file = join(cache.refs, revision);
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    await makeFolders(dirname(file));
    await writeFile(temporary, commit);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    if (!["EROFS", "EACCES", "EPERM"].includes(errorCode(error) ?? "")) throw diskError(error, file);
  }
}

export async function hasSize(path: string, size: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true && found.size === size;
}

/**
 * Makes `snapshots/<commit>/<name>` refer to a blob: by a relative link or, where links are not possible (Windows
 * without the right, some file systems), by a second name for the same file, or else a copy.
 */
export async function placeInSnapshot(
  blob: string,
  snapshot: string,
  name: string,
  links: { readonly symlink: typeof symlink; readonly link: typeof link } = { symlink, link },
): Promise<void> {
  const target = resolve(snapshot, name);
  if (!target.startsWith(resolve(snapshot) + sep)) {
    throw new PithError("hub", "this file name leads out of the model's folder.", { place: { file: name } });
  }
  // Made under another name and then renamed, so that no reader sees an incomplete file, and two writers don't
  // collide.
  const temporary = `${target}.${randomUUID()}.tmp`;
  try {
    await makeFolders(dirname(target));
    try {
      await links.symlink(relative(dirname(target), blob), temporary);
    } catch {
      await links.link(blob, temporary).catch(() => copyFile(blob, temporary));
    }
    await rename(temporary, target);
  } catch (error) {
    throw diskError(error, target);
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/** The file system's error as the error for users; any other error is returned unchanged. */
export function diskError(error: unknown, file: string): unknown {
  const code = errorCode(error) ?? "";
  if (["ENOSPC", "EDQUOT"].includes(code)) {
    return new PithError("output", `the disk is full (${code}).`, {
      place: { file },
      advice: "Make room, or set HF_HOME to a folder with more; what is there already will be used.",
      cause: error,
    });
  }
  if (["EROFS", "EACCES", "EPERM", "ENOTDIR", "EIO", "ENAMETOOLONG"].includes(code)) {
    return new PithError("output", `the hub cache can't be written to (${code}).`, {
      place: { file },
      advice: "Set HF_HOME to a folder that can.",
      cause: error,
    });
  }
  return error;
}
