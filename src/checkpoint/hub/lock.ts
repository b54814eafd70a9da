/**
 * A lock file, so that two processes that want the same large file fetch it once. It saves work and nothing
 * depends on it: writers have files of their own (`download.ts`), so a lock that is broken costs a second
 * download.
 */
import { dirname } from "node:path";
import { takeLock } from "../../files/lock.ts";
import { makeFolders } from "../../files/make-folders.ts";
import { pause } from "./http.ts";

const pollMs = 100;

/** Waits for the lock. Gives back what releases it. @throws the signal's reason when it fires. */
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
