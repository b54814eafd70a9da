/**
 * A file that says which process works on something (Node), for processes that would get in each other's way.
 * A holder that died without giving it back holds nothing. Python locks with flock, which Node doesn't have.
 */
import { randomUUID } from "node:crypto";
import { readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { errorCode } from "./file-error.ts";

const heartbeatMs = 5_000;
/** A holder on another machine that hasn't touched its lock for so long is taken for dead. */
const staleMs = 60_000;

export interface LockHolder {
  readonly pid: number;
  /** Undefined for this machine. */
  readonly host?: string;
}

/** Taken, with what gives it back; or held, by whom if the file says so. */
export type LockAttempt =
  | { readonly release: () => Promise<void> }
  | { readonly holder: LockHolder | undefined };

/** Doesn't wait. @throws what the system says of a folder that takes no files. */
export async function takeLock(file: string): Promise<LockAttempt> {
  const mine = JSON.stringify({ host: hostname(), pid: process.pid, id: randomUUID() });
  for (;;) {
    try {
      await writeFile(file, mine, { flag: "wx" });
      break;
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
    }
    const found = await holderOf(file);
    if (found !== "nobody") return { holder: found };
    await breakLock(file);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, heartbeatMs);
  heartbeat.unref();
  return {
    async release() {
      clearInterval(heartbeat);
      if ((await readFile(file, "utf8").catch(() => "")) === mine) await rm(file, { force: true });
    },
  };
}

async function holderOf(file: string): Promise<LockHolder | undefined | "nobody"> {
  const [text, found] = await Promise.all([
    readFile(file, "utf8").catch(() => undefined),
    stat(file).catch(() => undefined),
  ]);
  if (text === undefined || found === undefined) return undefined; // released just now
  const [, name, digits] = /^\{"host":(".*"),"pid":(\d+),/.exec(text) ?? [];
  const isOld = Date.now() - found.mtimeMs > staleMs;
  // Being written just now, or by nobody any more.
  if (name === undefined) return isOld ? "nobody" : undefined;
  const pid = Number(digits);
  if (name !== JSON.stringify(hostname())) return isOld ? "nobody" : { pid, host: name.slice(1, -1) };
  if (!isAlive(pid)) return "nobody";
  // A container's processes get the same numbers each time that it starts: what is older than we are isn't ours.
  const started = Date.now() - 1000 * process.uptime();
  return pid === process.pid && found.mtimeMs < started - 1000 ? "nobody" : { pid };
}

/** Whether a process of this machine runs, whosever it is. */
export function isAlive(pid: number): boolean {
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
