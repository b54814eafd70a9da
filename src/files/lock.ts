/**
 * A file that says which process works on something (Node), for processes that would get in each other's way.
 * Node has no flock, so the file stays when its holder is killed, and whoever comes next has to break it.
 *
 * - A lock appears whole: it is written under another name and linked to its own, which fails if it is there. A full
 *   disk leaves nothing.
 * - Several that find a lock stale must not break the one that the fastest of them has made meanwhile. Breaking a lock
 *   needs a lock of its own, named for the very file that is stale; whoever has it looks again, and removes the file
 *   only if it is still that one. A breaker that was killed leaves a stale lock too, and it is broken the same way.
 * - Who holds a lock sweeps up what killed processes left beside it. Nobody can mistake a breaker's lock afterwards:
 *   the file that it was named for is gone for good.
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
/** Holders whose process numbers can't be asked for are taken for dead when they haven't touched a lock for so long. */
const staleMs = { otherMachine: 60_000, sameClock: 20_000 };
/** A lock that names nobody was made by another program, or by an old version that ran out of disk. */
const namelessMs = 5_000;

interface LockHolder {
  readonly pid: number;
  /** Undefined for this machine. */
  readonly host?: string;
}

/** Taken, with what gives it back; or held, by whom if the file says so. */
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

/** Doesn't wait. @throws what the system says of a folder that takes no files. */
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

/** How often a lock is looked at again that somebody else is breaking, and the pause between. */
const patience = { times: 100, pauseMs: 5 };

/** @param base what breakers' locks are named after: the lock that is wanted in the end. */
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

/** @returns false where it is there already. */
async function create(file: string, content: string): Promise<boolean> {
  const fresh = `${file}.${processTag()}.${randomBytes(6).toString("hex")}.new`;
  try {
    await writeFile(fresh, content, { flag: "wx" });
    try {
      await link(fresh, file);
      return true;
    } catch (error) {
      const code = errorCode(error) ?? "";
      // ENOENT: a process of another machine, to which ours is unknown, has swept the fresh one up.
      if (code === "EEXIST" || code === "ENOENT") return false;
      if (!["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EMLINK"].includes(code)) throw error;
      return await createWithoutLinks(file, content);
    }
  } finally {
    await rm(fresh, { force: true });
  }
}

/** For file systems that give a file one name only. */
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

/** @param content that was written into it: what another has made since stays. */
async function giveBack(file: string, content: string): Promise<void> {
  if ((await readFile(file, "utf8").catch(() => "")) === content) await rm(file, { force: true });
}

type FoundLock =
  | { readonly state: "free" }
  | { readonly state: "held"; readonly holder: LockHolder | undefined }
  /** `key` names this very file: another one of the same name has another. */
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
  // Where processes don't say when they started, a lock of our number that is older than we are isn't ours.
  const born = Date.now() - 1000 * process.uptime();
  if (start === undefined && pid === process.pid && found.mtimeMs < born - 1000) return stale;
  return { state: "held", holder: { pid } };
}

/** What a lock leaves out, as those of older versions do, is not compared. */
function isSameMachine({ host, boot, space }: Machine, here: Machine): boolean {
  const agrees = (one: string | undefined, other: string | undefined) =>
    one === undefined || other === undefined || one === other;
  return host === here.host && agrees(boot, here.boot) && agrees(space, here.space);
}

function parse(text: string): z.infer<typeof contentSchema> | undefined {
  return contentSchema.safeParse(tryJson(text)).data;
}

/**
 * The lock of whoever breaks a stale one, and of whoever breaks a stale breaker's. Its name is as long as `base`'s and
 * a key, however many breakers were killed before: one that grew with their number would outgrow what a name may have.
 * @param base the lock that is wanted in the end. @internal
 */
export function breakerPath(base: string, key: string): string {
  return `${base}.${key}`;
}

/** Names a stale lock: another file of the same name has another. @param inode of the lock, which holds `text`. @internal */
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

/** Removes what killed processes left of their attempts. @param content of the lock, which is ours. */
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
