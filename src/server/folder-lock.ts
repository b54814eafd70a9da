/** One studio to a data folder: two would both go on with the same run. A killed studio's lock is taken over. */
import { join } from "node:path";
import { PithError } from "../errors.ts";
import { orFileError } from "../files/file-error.ts";
import { takeLock } from "../files/lock.ts";

/** @returns what gives it back. @throws PithError "output". */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const taken = await orFileError("output", folder, () => takeLock(join(folder, "studio.lock")));
  if ("release" in taken) return taken.release;
  throw new PithError("output", "another studio uses this folder.", {
    place: { file: folder },
    advice: "Give this one its own by --data DIR.",
  });
}
