/**
 * A lock file, so that two processes that need the same large file download it once. It only saves work: writers
 * have files of their own (`download.ts`), so a broken lock costs a second download and nothing else.
 */
import { dirname } from "node:path";
import { takeLock } from "../../files/lock.ts";
import { makeFolders } from "../../files/make-folders.ts";
import { pause } from "./http.ts";

const pollMs = 100;

/** Waits for the lock. Returns a function that releases it. @throws the signal's reason when it fires. */
export async function acquireLock(
  file: string,
  signal: AbortSignal | undefined,
): Promise<() => Promise<void>> {
  await makeFolders(dirname(file));
  for (;;) {
    signal?.throwIfAborted();
    const taken = await takeLock(file);
    if ("release" in taken) return taken.release;
    await pause(pollMs, signal);
  }
}
