/**
 * Checks whether a process still runs (Node). A process number alone is not enough: numbers are used again, and a
 * killed process keeps its number until its parent has asked for it. Where the system says when a process started
 * (Linux), number and start time together identify one process for good.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { errorCode } from "./file-error.ts";

/**
 * The processes that can see each other's numbers: those of one machine since it was switched on, in one
 * container.
 */
export interface Machine {
  readonly host: string;
  /** An id that changes at every start of the system; undefined where the system does not say. */
  readonly boot?: string | undefined;
  /** The space in which process numbers are counted; undefined where the system does not say. */
  readonly space?: string | undefined;
}

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  return {
    host: hostname(),
    boot: said(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    space: said(() => readlinkSync("/proc/self/ns/pid")),
  };
}

/** When a process started, in the system's own format; undefined where the system does not say. */
export function startOf(pid: number): string | undefined {
  return statOf(pid)?.start;
}

/**
 * Whether a process of this machine runs, whichever user owns it.
 * @param start the result of `startOf` for it; left out, any process of this number counts.
 */
export function isAlive(pid: number, start?: string): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errorCode(error) !== "EPERM") return false;
  }
  const found = statOf(pid);
  if (found === undefined) return true;
  return !found.ended && (start === undefined || found.start === start);
}

/** A process as part of a file's name: its number, and its start time where the system gives it. */
export function processTag(): string {
  const start = startOf(process.pid);
  return start === undefined ? String(process.pid) : `${process.pid}-${start}`;
}

/** Whether the process that a tag names runs on this machine. */
export function isTagAlive(tag: string): boolean {
  const [, pid = "", start] = /^(\d+)(?:-(\d+))?$/.exec(tag) ?? [];
  return isAlive(Number(pid), start);
}

/** Reads fields of /proc/PID/stat. Its second field, the name in parentheses, may contain any character. */
function statOf(pid: number): { readonly start: string; readonly ended: boolean } | undefined {
  const text = said(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ") ?? [];
  const [state, start] = [fields[0], fields[19]];
  return state === undefined || start === undefined ? undefined : { start, ended: "ZX".includes(state) };
}

function said<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}
