/** The operating system's refusals, in words that name the file and what to do. */
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
  ["ENOSPC", "can't be written: the disk is full"],
  ["EDQUOT", "can't be written: what you may store on this disk is used up"],
  ["EFBIG", "can't be written: it is larger than a file may be there"],
  ["EROFS", "can't be written: this file system is read-only"],
  ["EIO", "can't be read: the device reports an input/output error"],
]);

/** The `code` of a system error ("ENOENT"), or undefined: a PithError's own is none. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof PithError || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** What the operating system said about `path`, as a PithError; anything that it did not say is given back. */
export function fileError(code: PithErrorCode, path: string, error: unknown): unknown {
  const systemCode = errorCode(error);
  if (systemCode === undefined || !(error instanceof Error)) return error;
  return new PithError(code, MEANINGS.get(systemCode) ?? error.message, {
    place: { file: path },
    cause: error,
  });
}

/** The action's result; what the operating system says about `path` is thrown as a PithError. */
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
