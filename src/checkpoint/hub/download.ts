/**
 * Downloads one file into the cache's blobs. It is verified, can be resumed, and is safe when other processes do
 * the same.
 *
 * Each writer writes a file of its own, `<hash>.pith-<id>.incomplete`, which becomes the blob by one rename when
 * it is complete, has the listed hash and is on the disk. A download that ends early leaves `<hash>.incomplete`,
 * the name from which earlier versions of huggingface_hub also resume; the next download continues there.
 */

import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { makeFolders } from "../../files/make-folders.ts";
import { diskError, hasSize, type RepositoryCache } from "./cache.ts";
import { type HubSubject, HubUnreachable, hubError } from "./errors.ts";
import { type HubConnection, openHubUrl, withRetries } from "./http.ts";
import type { HubFile } from "./listing.ts";
import { acquireLock } from "./lock.ts";

export interface BlobRequest {
  readonly connection: HubConnection;
  readonly cache: RepositoryCache;
  readonly subject: HubSubject;
  readonly file: HubFile;
  readonly url: string;
  /** Called with the number of bytes so far; it may decrease when a download starts over. */
  readonly onBytes: (here: number) => void;
}

/**
 * The path of the blob, which is downloaded if it does not exist.
 * @throws PithError "hub" (size, hash, refusals) or "output" (disk), HubUnreachable, the signal's reason.
 */
export async function ensureBlob(request: BlobRequest): Promise<string> {
  const { cache, connection, file } = request;
  const blob = join(cache.blobs, file.hash.hex);
  if (await hasSize(blob, file.size)) return blob;
  try {
    await makeFolders(cache.blobs);
    const release = await acquireLock(join(cache.locks, `${file.hash.hex}.pith.lock`), connection.signal);
    try {
      if (!(await hasSize(blob, file.size))) await fetchBlob(request, blob);
    } finally {
      await release();
    }
  } catch (error) {
    connection.signal?.throwIfAborted();
    throw diskError(error, blob);
  }
  return blob;
}

async function fetchBlob(request: BlobRequest, blob: string): Promise<void> {
  const partial = await claimPartial(blob);
  try {
    await completePartial(request, partial);
    await rename(partial, blob);
  } catch (error) {
    const size = await sizeOf(partial);
    if (size > 0) await rename(partial, `${blob}.incomplete`).catch(() => undefined);
    else await rm(partial, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Renames an earlier download's partial file to a new name, to which nobody else writes. */
async function claimPartial(blob: string): Promise<string> {
  const own = `${blob}.pith-${randomUUID()}.incomplete`;
  const folder = join(blob, "..");
  const hash = basename(blob);
  // Under the lock, another writer's file can only come from a killed process.
  const left = (await readdir(folder)).filter(
    (name) =>
      name === `${hash}.incomplete` || (name.startsWith(`${hash}.pith-`) && name.endsWith(".incomplete")),
  );
  const sized = await Promise.all(
    left.map(async (name) => ({ name, size: await sizeOf(join(folder, name)) })),
  );
  const [longest, ...others] = sized.sort((a, b) => b.size - a.size);
  if (longest !== undefined) await rename(join(folder, longest.name), own).catch(() => undefined);
  for (const { name } of others) await rm(join(folder, name), { force: true });
  return own;
}

async function completePartial(request: BlobRequest, partial: string): Promise<void> {
  const { file, url, connection } = request;
  for (let startedOver = false; ; startedOver = true) {
    const { resumed, fault } = await receive(request, partial);
    const wrong = fault ?? (await hashFault(partial, file, connection.signal));
    if (wrong === undefined) return;
    await rm(partial, { force: true });
    // If all bytes come from one response, the server has these bytes; if from several, the point where they were
    // joined may be wrong.
    if (!resumed || startedOver) {
      throw hubError(
        url,
        `${wrong}; what came was deleted.`,
        "Try again; if it stays so, the file is damaged on the server or on the way.",
      );
    }
    request.onBytes(0);
  }
}

interface Received {
  /** Whether the bytes come from several responses, of this download or earlier ones. */
  readonly resumed: boolean;
  readonly fault?: string;
}

/** Fills the partial file up to the listed size, with as many connections as needed. */
async function receive(request: BlobRequest, partial: string): Promise<Received> {
  const { connection, file, subject, url, onBytes } = request;
  const surplus = `the file is longer than the ${file.size} bytes that were announced`;
  let here = await sizeOf(partial);
  let resumed = here > 0;
  let farthest = here;
  const progressed = () => {
    const gained = here > farthest;
    farthest = Math.max(farthest, here);
    return gained;
  };

  return withRetries(
    connection,
    async (): Promise<Received> => {
      if (here > file.size) return { resumed, fault: surplus };
      const handle = await open(partial, here === 0 ? "w" : "r+");
      try {
        if (here === file.size) return { resumed };
        const response = await openHubUrl(
          connection,
          subject,
          url,
          here > 0 ? { range: `bytes=${here}-` } : {},
        );
        resumed ||= here > 0;
        if (response.status === 416) {
          response.discard();
          return { resumed, fault: `the file is shorter than the ${file.size} bytes that were announced` };
        }
        if (response.status === 206 ? rangeStart(response.headers) !== here : here > 0) {
          // With 200, the server doesn't support ranges; it may also send another range than requested.
          if (response.status === 206) {
            response.discard();
            return { resumed, fault: "the server sent another range than it was asked for" };
          }
          await handle.truncate(0);
          here = 0;
          resumed = false;
        }
        onBytes(here);
        for await (const chunk of response.chunks()) {
          if (here + chunk.length > file.size) return { resumed, fault: surplus };
          await writeAll(handle, chunk, here);
          here += chunk.length;
          onBytes(here);
          // The listed size decides when the file is complete, not the length that the response states.
          if (here === file.size) break;
        }
        if (here < file.size) {
          throw new HubUnreachable(url, `the connection ended at byte ${here} of ${file.size}.`);
        }
        await handle.sync();
        return { resumed };
      } finally {
        await handle.close();
      }
    },
    progressed,
  );
}

async function writeAll(
  handle: Awaited<ReturnType<typeof open>>,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += (await handle.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}

/** Hashes the file on the disk, not the received bytes, because the file is what everyone will use. */
async function hashFault(
  path: string,
  file: HubFile,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const hash = createHash(file.hash.kind === "sha256" ? "sha256" : "sha1");
  if (file.hash.kind === "git-sha1") hash.update(`blob ${file.size}\0`);
  const stream = createReadStream(path, {
    highWaterMark: 2 ** 20,
    ...(signal === undefined ? {} : { signal }),
  });
  for await (const chunk of stream) hash.update(chunk as Buffer);
  const found = hash.digest("hex");
  if (found === file.hash.hex) return undefined;
  return `the ${file.hash.kind} hash of "${file.name}" is ${found}, and ${file.hash.hex} was announced`;
}

function rangeStart(headers: Headers): number | undefined {
  const match = /^bytes (\d+)-/.exec(headers.get("content-range") ?? "");
  return match === null ? undefined : Number(match[1]);
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}
