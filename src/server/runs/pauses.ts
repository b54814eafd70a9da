/** Long work in this thread, which also answers pages: it makes way for them every few milliseconds. */
import { setImmediate } from "node:timers/promises";

/** No request waits much longer for such work; milliseconds. */
const longestTurn = 12;

/** @returns what is to be awaited between small pieces of work; it pauses when it is time to. */
export function createPauses(): () => Promise<void> | undefined {
  let began = performance.now();
  return () => {
    if (performance.now() - began < longestTurn) return undefined;
    return setImmediate().then(() => {
      began = performance.now();
    });
  };
}
