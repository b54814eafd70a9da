/**
 * A process that tries to take a lock when its parent tells it to, and reports whether it got it: see
 * locks.test.ts.
 */
import { takeLock } from "../../src/files/lock.ts";

export type RacerOrder = { readonly take: string } | { readonly giveBack: true };
export type RacerAnswer = { readonly ready: true } | { readonly held: boolean } | { readonly free: true };

let release: (() => Promise<void>) | undefined;
const answer = (message: RacerAnswer) => process.send?.(message);

process.on("message", async (order: RacerOrder) => {
  if ("take" in order) {
    const attempt = await takeLock(order.take);
    release = "release" in attempt ? attempt.release : undefined;
    answer({ held: release !== undefined });
  } else {
    await release?.();
    release = undefined;
    answer({ free: true });
  }
});
answer({ ready: true });
