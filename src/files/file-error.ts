/** Errors of the operating system as messages that name the file and say what to do. */
import { PithError, type PithErrorCode } from "../errors.ts";

const MEANINGS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "does not exist"],
  ["ENOTDIR", "does not exist: a part of its path is not a folder"],
  ["EACCES", "may not be opened: permission denied"],
  ["EPERM", "may not be opened: permission denied"],
  ["EISDIR", "is a folder, not a file"],
  ["EEXIST", "exists already"],
  ["ELOOP", "is a symbolic link that leads back to itself"],
  ["ENAMETOOLONG", "has a name that is too long for this file system"],
  ["EMFILE", "can't be opened: too many files are open"],
  ["ENFILE", "can't be opened: too many files are open"],
  ["ENOMEM", "has no memory left"],
  ["EAGAIN", "has no threads or processes left"],
  ["ENOSPC", "can't be written: the disk is full"],
  ["EDQUOT", "can't be written: what you may store on this disk is used up"],
  ["EFBIG", "can't be written: it is larger than a file may be there"],
  ["EROFS", "can't be written: this file system is read-only"],
  ["EIO", "can't be read: the device reports an input/output error"],
]);

/** The `code` of a system error ("ENOENT"), or undefined. A PithError's own code does not count. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof PithError || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** What the user can do about an error, where there is something. */
const REMEDIES: ReadonlyMap<string, string> = new Map([
  ["EMFILE", "Allow more: `ulimit -n 4096`, then run it again."],
  ["ENFILE", "The whole machine has too many open: close other programs."],
  ["ENOSPC", "Free some space, or choose another output folder."],
  ["EDQUOT", "Free some space, or choose another output folder."],
  ["EFBIG", "Free some space, or choose another output folder."],
  ["EROFS", "Choose a folder that can be written to."],
]);

const FULL: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/**
 * The system error about `path` as a PithError. Any other error is returned unchanged.
 * @param needed bytes that were to be written there, for the message about a full disk.
 */
export function fileError(code: PithErrorCode, path: string, error: unknown, needed?: number): unknown {
  const systemCode = errorCode(error);
  if (systemCode === undefined || !(error instanceof Error)) return error;
  const isFull = FULL.has(systemCode) && needed !== undefined;
  const found = isFull
    ? `the disk is full: this file needs ${needed} bytes`
    : (MEANINGS.get(systemCode) ?? error.message);
  return new PithError(code, found, {
    place: { file: path },
    advice: REMEDIES.get(systemCode) ?? "",
    cause: error,
  });
}

/** Errors that neither the input nor a bug in Pith causes: the machine lacks something. */
const MACHINE: ReadonlySet<string> = new Set([
  ...FULL,
  "EMFILE",
  "ENFILE",
  "ENOMEM",
  "EAGAIN",
  "EROFS",
  "EIO",
]);

/**
 * A system error that nobody translated before it reached the code that reports errors, as a PithError: the
 * working directory is gone, or the machine lacks something. Undefined for any other error, which is a bug.
 */
export function machineError(error: unknown): PithError | undefined {
  if (!(error instanceof Error)) return undefined;
  const details = error as Error & { readonly syscall?: unknown; readonly path?: unknown };
  if (details.syscall === "uv_cwd") {
    return new PithError("options", "the folder that this was started in does not exist any more.", {
      advice: "Change to a folder that does, then run it again.",
      cause: error,
    });
  }
  // When a thread can't be started, the error has a code of Node's own, and the system's code in its message.
  const code = /\b(E[A-Z]{3,})\b/.exec(`${errorCode(error)} ${error.message}`.replace("ERR_", ""))?.[1] ?? "";
  if (!MACHINE.has(code)) return undefined;
  const found = fileError(
    "output",
    String(details.path ?? "this machine"),
    Object.assign(new Error(error.message), { code }),
  );
  return found instanceof PithError ? found : undefined;
}

/** Returns the action's result; a system error about `path` is thrown as a PithError. */
export async function orFileError<T>(
  code: PithErrorCode,
  path: string,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw fileError(code, path, error);
  }
}
