/**
 * Completes the snapshot folder of one commit: it selects the files that a model needs from the listing,
 * downloads those that the cache lacks, a few at a time, and places them. Weights come last, so a snapshot that
 * has its weights has everything.
 */

import { join } from "node:path";
import { foreignModel } from "../foreign-model.ts";
import { hasSize, placeInSnapshot, type RepositoryCache } from "./cache.ts";
import { ensureBlob } from "./download.ts";
import { hubError } from "./errors.ts";
import { missingSmallFiles, readShardNames, singleWeights, smallFiles, weightsIndex } from "./files.ts";
import type { HubConnection } from "./http.ts";
import type { HubFile } from "./listing.ts";
import { type HubProgress, type ProgressMeter, progressMeter } from "./progress.ts";

export interface SnapshotRequest {
  readonly connection: HubConnection;
  readonly cache: RepositoryCache;
  /** `name` or `org/name`. */
  readonly repository: string;
  readonly commit: string;
  readonly listing: ReadonlyMap<string, HubFile>;
  readonly onProgress: ((progress: HubProgress) => void) | undefined;
}

const filesAtOnce = 4;

/**
 * The snapshot's folder.
 * @throws PithError "hub", "checkpoint" (the index) or "output", HubUnreachable, the signal's reason.
 */
export async function fetchSnapshot(request: SnapshotRequest): Promise<string> {
  const { cache, commit, connection, listing, repository } = request;
  const folder = join(cache.snapshots, commit);
  const place = `${connection.endpoint}/${repository}/tree/${commit}`;
  const pick = (file: string): HubFile => {
    const found = listing.get(file);
    if (found === undefined)
      throw hubError(place, `the repository lacks "${file}", which its ${weightsIndex} names.`);
    return found;
  };

  const foreign = foreignModel([...listing.keys()]);
  // A repository with only an adapter may have no other fault.
  if (foreign !== undefined && (listing.has("adapter_config.json") || listing.has("circuit.json"))) {
    throw hubError(place, `the repository ${foreign.fault}.`, foreign.advice);
  }
  const lacking = missingSmallFiles((file) => listing.has(file));
  if (lacking.length > 0) throw hubError(place, `the repository has no ${lacking.join(" and no ")}.`);
  const sharded = !listing.has(singleWeights);
  if (sharded && !listing.has(weightsIndex)) {
    const others = [...listing.keys()].filter((file) =>
      /\.(bin|h5|msgpack|gguf|pt|pth|ckpt|safetensors)$/.test(file),
    );
    const only = others.length === 0 ? "" : `, only ${others.slice(0, 3).join(", ")}`;
    throw hubError(
      place,
      `the repository has no ${singleWeights} and no ${weightsIndex}${only}.`,
      "Pith reads safetensors weights by these names; look for a converted copy or revision.",
    );
  }

  const meter = progressMeter(request.onProgress);
  const small = smallFiles.filter((file) => listing.has(file)).map(pick);
  if (!sharded) {
    const weights = pick(singleWeights);
    if (!(await isPlaced(folder, weights))) meter.expect(weights.name, weights.size);
    await fetchFiles(request, folder, small, meter);
    await fetchFiles(request, folder, [weights], meter);
    return folder;
  }
  await fetchFiles(request, folder, [...small, pick(weightsIndex)], meter);
  await fetchFiles(request, folder, (await readShardNames(join(folder, weightsIndex))).map(pick), meter);
  return folder;
}

async function isPlaced(folder: string, file: HubFile): Promise<boolean> {
  return hasSize(join(folder, file.name), file.size);
}

async function fetchFiles(
  request: SnapshotRequest,
  folder: string,
  files: readonly HubFile[],
  meter: ProgressMeter,
): Promise<void> {
  const waiting: HubFile[] = [];
  for (const file of files) {
    if (await isPlaced(folder, file)) continue;
    waiting.push(file);
    meter.expect(file.name, file.size);
  }
  // When one file fails, the others stop, and all have cleaned up before the error is thrown.
  const failed = new AbortController();
  const outer = request.connection.signal;
  const signal = outer === undefined ? failed.signal : AbortSignal.any([outer, failed.signal]);
  const connection = { ...request.connection, signal };
  let failure: { readonly error: unknown } | undefined;
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined && !signal.aborted; file = waiting.shift()) {
      try {
        await fetchFile({ ...request, connection }, folder, file, meter);
      } catch (error) {
        failure ??= { error };
        failed.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: filesAtOnce }, worker));
  outer?.throwIfAborted();
  if (failure !== undefined) throw failure.error;
}

async function fetchFile(
  request: SnapshotRequest,
  folder: string,
  file: HubFile,
  meter: ProgressMeter,
): Promise<void> {
  const { cache, commit, connection, repository } = request;
  const blob = await ensureBlob({
    connection,
    cache,
    subject: { repository, revision: commit, file: file.name },
    file,
    url: `${connection.endpoint}/${repository}/resolve/${commit}/${encodeURIComponent(file.name)}`,
    onBytes: (here) => meter.report(file.name, here),
  });
  meter.report(file.name, file.size);
  await placeInSnapshot(blob, folder, file.name);
}
