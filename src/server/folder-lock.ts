/**
 * Allows only one studio for a data folder: two would both continue the same run. The lock of a killed studio is
 * taken over.
 */
import { join } from "node:path";
import { PithError } from "../errors.ts";
import { orFileError } from "../files/file-error.ts";
import { takeLock } from "../files/lock.ts";

/** @returns a function that releases the lock. @throws PithError "output". */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const taken = await orFileError("output", folder, () => takeLock(join(folder, "studio.lock")));
  if ("release" in taken) return taken.release;
  throw new PithError("output", "another studio uses this folder.", {
    place: { file: folder },
    advice: "Give this one its own by --data DIR.",
  });
}
