/**
 * A lock file that says which process works on something (Node), for processes that would disturb each other.
 * Node has no flock, so the file remains when its holder is killed, and the next process has to break the lock.
 *
 * - A lock appears complete or not at all: it is written under another name and then linked to its own name,
 *   which fails if that name exists. A full disk leaves no lock.
 * - When several processes find the same stale lock, none of them may break a new lock that another has made in
 *   the meantime. So breaking a lock needs a second lock, named for exactly the stale file. Its holder checks the
 *   file again and removes it only if it is still the same one. A killed breaker leaves a stale lock too, which
 *   is broken in the same way.
 * - The holder of a lock removes what killed processes left beside it. This is safe for a breaker's lock, because
 *   the file that it was named for no longer exists.
 */
import { createHash, randomBytes } from "node:crypto";
import { link, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { errorCode } from "./file-error.ts";
import { tryJson } from "./json.ts";
import { isAlive, isTagAlive, type Machine, processTag, startOf, thisMachine } from "./process-life.ts";

const heartbeatMs = 5_000;
/**
 * If nothing can be asked about the process of a holder, the holder counts as dead after this time without
 * touching the lock.
 */
const staleMs = { otherMachine: 60_000, sameClock: 20_000 };
/** A lock that names no process was made by another program, or by an old version on a full disk. */
const namelessMs = 5_000;

interface LockHolder {
  readonly pid: number;
  /** The machine's name; undefined for this machine. */
  readonly host?: string;
}

/** "taken" with a function that gives the lock back, or "held" with the holder, if the file names it. */
export type LockAttempt =
  | { readonly release: () => Promise<void> }
  | { readonly holder: LockHolder | undefined };

const contentSchema = z.object({
  host: z.string(),
  pid: z.int(),
  start: z.string().optional(),
  boot: z.string().optional(),
  space: z.string().optional(),
  id: z.string(),
});

/** Tries once, without waiting. @throws the system's error about a folder that takes no files. */
export async function takeLock(file: string): Promise<LockAttempt> {
  const taken = await take(file);
  if ("holder" in taken) return taken;
  await sweepUp(file, taken.content);
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, heartbeatMs);
  heartbeat.unref();
  return {
    async release() {
      clearInterval(heartbeat);
      await giveBack(file, taken.content);
    },
  };
}

/** How often a lock that another process is breaking is checked again, and the pause between checks. */
const patience = { times: 100, pauseMs: 5 };

/** @param base the lock that is wanted in the end; breakers' locks are named after it. */
async function take(
  file: string,
  base: string = file,
): Promise<{ readonly content: string } | { readonly holder: LockHolder | undefined }> {
  const { host, ...machine } = thisMachine();
  const id = randomBytes(12).toString("hex");
  const content = JSON.stringify({ host, pid: process.pid, start: startOf(process.pid), ...machine, id });
  for (let attempt = 0; attempt < patience.times; attempt++) {
    if (await create(file, content)) return { content };
    const found = await look(file);
    if (found.state === "held") return { holder: found.holder };
    if (found.state === "stale" && !(await breakLock(file, found.key, base))) await sleep(patience.pauseMs);
  }
  return { holder: undefined };
}

/** @returns false if the file exists. */
async function create(file: string, content: string): Promise<boolean> {
  const fresh = `${file}.${processTag()}.${randomBytes(6).toString("hex")}.new`;
  try {
    await writeFile(fresh, content, { flag: "wx" });
    try {
      await link(fresh, file);
      return true;
    } catch (error) {
      const code = errorCode(error) ?? "";
      // ENOENT: a process on another machine, which can't see our process, has removed the new file.
      if (code === "EEXIST" || code === "ENOENT") return false;
      if (!["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EMLINK"].includes(code)) throw error;
      return await createWithoutLinks(file, content);
    }
  } finally {
    await rm(fresh, { force: true });
  }
}

/** For file systems without hard links. */
async function createWithoutLinks(file: string, content: string): Promise<boolean> {
  try {
    await writeFile(file, "", { flag: "wx" });
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
  try {
    await writeFile(file, content);
    return true;
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

/**
 * @param content that was written into the file: a file with other content belongs to another process and stays.
 */
async function giveBack(file: string, content: string): Promise<void> {
  if ((await readFile(file, "utf8").catch(() => "")) === content) await rm(file, { force: true });
}

type FoundLock =
  | { readonly state: "free" }
  | { readonly state: "held"; readonly holder: LockHolder | undefined }
  /** `key` identifies this very file: another file of the same name has another key. */
  | { readonly state: "stale"; readonly key: string };

async function look(file: string): Promise<FoundLock> {
  const [text, found] = await Promise.all([
    readFile(file, "utf8").catch(() => undefined),
    stat(file).catch(() => undefined),
  ]);
  if (text === undefined || found === undefined) return { state: "free" };
  const age = Date.now() - found.mtimeMs;
  const stale: FoundLock = { state: "stale", key: lockKey(text, found.ino) };
  const content = parse(text);
  if (content === undefined) return age > namelessMs ? stale : { state: "held", holder: undefined };
  const { pid, start, host } = content;
  const here = thisMachine();
  if (!isSameMachine(content, here)) {
    const sameClock = content.boot !== undefined && content.boot === here.boot && host === here.host;
    if (age > (sameClock ? staleMs.sameClock : staleMs.otherMachine)) return stale;
    return { state: "held", holder: host === here.host ? { pid } : { pid, host } };
  }
  if (!isAlive(pid, start)) return stale;
  // Where the system does not say when a process started: a lock with our process number that is older than this
  // process is not ours.
  const born = Date.now() - 1000 * process.uptime();
  if (start === undefined && pid === process.pid && found.mtimeMs < born - 1000) return stale;
  return { state: "held", holder: { pid } };
}

/** Fields that a lock does not have, as in those of older versions, are not compared. */
function isSameMachine({ host, boot, space }: Machine, here: Machine): boolean {
  const agrees = (one: string | undefined, other: string | undefined) =>
    one === undefined || other === undefined || one === other;
  return host === here.host && agrees(boot, here.boot) && agrees(space, here.space);
}

function parse(text: string): z.infer<typeof contentSchema> | undefined {
  return contentSchema.safeParse(tryJson(text)).data;
}

/**
 * The path of the lock for breaking a stale lock, or for breaking a stale breaker's lock. Its name has the length
 * of `base` plus a key, however many breakers were killed before: a name that grew with each breaker would become
 * too long.
 * @param base the lock that is wanted in the end. @internal
 */
export function breakerPath(base: string, key: string): string {
  return `${base}.${key}`;
}

/**
 * The key of a stale lock: another file of the same name has another key. @param inode of the lock; `text` is its
 * content. @internal
 */
export function lockKey(text: string, inode: number): string {
  return createHash("sha256").update(`${inode} ${text}`).digest("hex").slice(0, 16);
}

/** @returns false while another process is breaking the same one. */
async function breakLock(file: string, key: string, base: string): Promise<boolean> {
  const breaker = breakerPath(base, key);
  const taken = await take(breaker, base);
  if ("holder" in taken) return false;
  try {
    const found = await look(file);
    if (found.state === "stale" && found.key === key) await rm(file, { force: true });
  } finally {
    await giveBack(breaker, taken.content);
  }
  return true;
}

/** Removes what killed processes left of their attempts. @param content of our lock. */
async function sweepUp(file: string, content: string): Promise<void> {
  const own = await stat(file).catch(() => undefined);
  const prefix = `${basename(file)}.`;
  for (const name of await readdir(dirname(file)).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    const path = join(dirname(file), name);
    const rest = name.slice(prefix.length);
    const [, tag] = /^(?:[0-9a-f]{16}\.)*(\d+(?:-\d+)?)\.[0-9a-f]{12}\.new$/.exec(rest) ?? [];
    const [, key] = /^([0-9a-f]{16})(?:\.[0-9a-f]{16})*$/.exec(rest) ?? [];
    const left =
      tag !== undefined
        ? !isTagAlive(tag)
        : key !== undefined &&
          key !== lockKey(content, own?.ino ?? 0) &&
          (await look(path)).state === "stale";
    if (left) await rm(path, { force: true });
  }
}
