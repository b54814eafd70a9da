/**
 * Pauses in long work of the thread that also answers pages, so that it can answer requests every few
 * milliseconds.
 */
import { setImmediate } from "node:timers/promises";

/** The longest time without a pause, in milliseconds; requests wait little longer than this. */
const longestTurn = 12;

/** @returns a function to await between small pieces of work; it pauses when the time is over. */
export function createPauses(): () => Promise<void> | undefined {
  let began = performance.now();
  return () => {
    if (performance.now() - began < longestTurn) return undefined;
    return setImmediate().then(() => {
      began = performance.now();
    });
  };
}
