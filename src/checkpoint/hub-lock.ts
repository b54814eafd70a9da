/**
 * A lock file, so that two processes that want the same large file fetch it once. It saves work and nothing
 * depends on it: writers have files of their own (hub-download.ts), so a lock that is broken costs a second
 * download. Python locks with flock, which Node doesn't have.
 */

import { randomUUID } from "node:crypto";
import { readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { errorCode } from "./file-error.ts";
import { pause } from "./hub-http.ts";
import { makeFolders } from "./make-folders.ts";

const heartbeatMs = 5_000;
/** A holder on another machine that hasn't touched its lock for so long is taken for dead. */
const staleMs = 60_000;
const pollMs = 100;

/** Waits for the lock. Gives back what releases it. @throws the signal's reason when it fires. */
export async function acquireLock(
  file: string,
  signal: AbortSignal | undefined,
): Promise<() => Promise<void>> {
  const mine = JSON.stringify({ host: hostname(), pid: process.pid, id: randomUUID() });
  await makeFolders(dirname(file));
  for (;;) {
    signal?.throwIfAborted();
    try {
      await writeFile(file, mine, { flag: "wx" });
      break;
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
    }
    if (await isStale(file)) await breakLock(file);
    else await pause(pollMs, signal);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, heartbeatMs);
  heartbeat.unref();
  return async () => {
    clearInterval(heartbeat);
    if ((await readFile(file, "utf8").catch(() => "")) === mine) await rm(file, { force: true });
  };
}

async function isStale(file: string): Promise<boolean> {
  const [text, found] = await Promise.all([
    readFile(file, "utf8").catch(() => undefined),
    stat(file).catch(() => undefined),
  ]);
  if (text === undefined || found === undefined) return false; // released just now
  const holder = /^\{"host":(".*"),"pid":(\d+),/.exec(text);
  if (holder !== null && holder[1] === JSON.stringify(hostname())) return !isAlive(Number(holder[2]));
  return Date.now() - found.mtimeMs > staleMs;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

/** Of several that find it stale, one moves it away. */
async function breakLock(file: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch {
    return;
  }
  await rm(aside, { force: true });
}
