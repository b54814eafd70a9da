/**
 * Finds the folder on disk for a model that the user names: a local folder, or a Hugging Face hub name, whose
 * files are fetched into the cache that Python's tools use too. `@huggingface/hub` gives the listing and the
 * folder names; its snapshotDownload has no filter, resume, verification or progress, and supports neither
 * HF_TOKEN nor HF_ENDPOINT, so the download itself is Pith's own (`download.ts`, `http.ts`).
 */

import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { PithError } from "../../errors.ts";
import { foreignModel } from "../foreign-model.ts";
import { isGgufPath } from "../gguf/gguf-files.ts";
import { readCommit, rememberCommit, repositoryCache } from "./cache.ts";
import { HubUnreachable, hubError } from "./errors.ts";
import { missingInSnapshot } from "./files.ts";
import { defaultTiming, type HubConnection, type HubTiming } from "./http.ts";
import { type HubFile, listRepository, resolveCommit } from "./listing.ts";
import { type HubName, looksLikePath, parseHubName } from "./name.ts";
import type { HubProgress } from "./progress.ts";
import { type Environment, expandHome, readHubSettings } from "./settings.ts";
import { fetchSnapshot } from "./snapshot.ts";

export type { HubProgress };

export interface ResolveModelOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: HubProgress) => void;
  /** Replaces `process.env`. */
  readonly environment?: Environment;
  /** A branch, tag or commit, if the name has no `@revision`; main by default. */
  readonly revision?: string;
  readonly timing?: Partial<HubTiming>;
}

/**
 * The absolute path of a folder with the model's config.json, tokenizer and safetensors weights; a GGUF file's is given
 * back as it is.
 *
 * A hub model that is already in the cache is not fetched again; if the hub can't be reached, the cached model is
 * used. With HF_HUB_OFFLINE no request is made.
 * @throws PithError "options" (no such folder, no such name), "hub" (refused, not found, not reachable, damaged),
 * "checkpoint" (an index that names impossible files), "output" (disk); the signal's reason when it fires.
 */
export async function resolveModelFolder(
  nameOrPath: string,
  options: ResolveModelOptions = {},
): Promise<string> {
  options.signal?.throwIfAborted();
  const environment = options.environment ?? process.env;
  const given = expandHome(nameOrPath, environment);
  const path = resolve(given);
  // The name is tested as it was given: after resolving, "org/.." would be this folder.
  const found = await stat(given).catch(() => undefined);
  if (found?.isDirectory()) {
    if (options.revision === undefined) return path;
    throw new PithError("options", "a folder has no revisions.", {
      place: { file: path },
      advice: "Leave the revision out.",
    });
  }
  if (found?.isFile() && isGgufPath(path)) return path;
  if (found !== undefined || looksLikePath(nameOrPath) || isGgufPath(path)) {
    const kind = isGgufPath(path) ? "file" : "folder";
    if (found?.isFile() === false)
      throw new PithError("options", "this is neither a folder nor a file, but a pipe or a device.", {
        place: { file: path },
        advice: "Parts of a model are read in any order: write it to a file, and give that file's path.",
      });
    const what =
      found === undefined
        ? `there is no such ${kind}.`
        : "this is a file; a model is a folder or a GGUF file.";
    const advice = found === undefined ? "" : (foreignModel([basename(path)])?.advice ?? "");
    throw new PithError("options", what, { place: { file: nameOrPath === "" ? '""' : path }, advice });
  }
  return resolveHubModel(parseHubName(nameOrPath, options.revision), options, environment);
}

async function resolveHubModel(
  name: HubName,
  options: ResolveModelOptions,
  environment: Environment,
): Promise<string> {
  const { repository, revision } = name;
  const settings = await readHubSettings(environment);
  const cache = repositoryCache(settings.cacheFolder, repository);
  const cachedCommit = await readCommit(cache, revision);
  const cached = cachedCommit === undefined ? undefined : join(cache.snapshots, cachedCommit);
  const missing = cached === undefined ? ["config.json"] : await missingInSnapshot(cached);
  const complete = cached !== undefined && missing.length === 0;
  if (settings.offline) {
    if (complete) return cached;
    throw new PithError(
      "hub",
      cached === undefined
        ? `"${repository}" at "${revision}" is not in the cache, and HF_HUB_OFFLINE forbids to fetch it.`
        : `the cache lacks ${missing.join(", ")} of "${repository}", and HF_HUB_OFFLINE forbids to fetch it.`,
      {
        place: { file: cached ?? cache.snapshots },
        advice: "Unset HF_HUB_OFFLINE once, or point HF_HOME to the cache.",
      },
    );
  }

  const connection: HubConnection = {
    endpoint: settings.endpoint,
    token: settings.token,
    timing: { ...defaultTiming, ...options.timing },
    signal: options.signal,
  };
  // If the model is in the cache, it is not worth waiting for a hub that does not answer.
  const asking = complete ? { ...connection, timing: { ...connection.timing, attempts: 1 } } : connection;
  try {
    let commit: string;
    let listing: ReadonlyMap<string, HubFile>;
    try {
      commit = await resolveCommit(asking, repository, revision);
      listing = await listRepository(asking, repository, commit);
    } catch (error) {
      if (complete && error instanceof HubUnreachable) return cached;
      throw error;
    }
    const folder = await fetchSnapshot({
      connection,
      cache,
      repository,
      commit,
      listing,
      onProgress: options.onProgress,
    });
    // Recorded only now: until the new commit is complete, the revision refers to the previous complete one.
    await rememberCommit(cache, revision, commit);
    return folder;
  } catch (error) {
    if (!(error instanceof HubUnreachable)) throw error;
    throw hubError(
      error.url,
      error.message,
      "Check the network (and HF_ENDPOINT), then try again; a download goes on where it stopped.",
      error.cause,
    );
  }
}
