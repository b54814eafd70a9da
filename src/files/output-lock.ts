/**
 * Allows one Pith process at a time for an output folder (Node). Two would write to the same journal, and the
 * first would lose its work. The lock file lies beside the journal and is valid as long as its process runs.
 */
import { basename, dirname, join, resolve } from "node:path";
import { PithError } from "../errors.ts";
import { errorCode } from "./file-error.ts";
import { takeLock } from "./lock.ts";
import { makeFolders } from "./make-folders.ts";

/** The lock's path: beside the folder that is to be made. @internal */
export function lockPath(out: string): string {
  const path = resolve(out);
  return join(dirname(path), `.${basename(path)}.lock`);
}

/**
 * Makes the folders above `out` as well.
 * @returns a function that gives the lock back.
 * @throws PithError "output" when another process has it, or nothing can be written there.
 */
export async function lockOutput(out: string): Promise<() => Promise<void>> {
  const place = { file: resolve(out) };
  const file = lockPath(out);
  const taken = await attempt(file).catch((error: unknown) => {
    if (errorCode(error) === undefined) throw error;
    throw new PithError("output", `can't be made: nothing can be written to ${dirname(file)}.`, {
      ...{ place, cause: error },
      advice: "Choose a folder of yours, and see that its disk is not full.",
    });
  });
  if ("release" in taken) return taken.release;
  const { pid, host } = taken.holder ?? {};
  const who = pid === undefined ? "" : host === undefined ? ` (pid ${pid})` : ` (pid ${pid} on ${host})`;
  throw new PithError("output", `another pith${who} is writing here.`, {
    place,
    advice: `Let it end or stop it, or choose another name; if there is none, remove ${file}.`,
  });
}

async function attempt(file: string): ReturnType<typeof takeLock> {
  await makeFolders(dirname(file));
  return takeLock(file);
}
