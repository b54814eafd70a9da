/**
 * Collects garbage at once (Node). Tensors and weights are few large buffers behind small objects, so V8 lets much of
 * them lie for a while. Where memory is bounded, that is too much.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** @returns a function that collects the garbage of the thread that calls this. */
export function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  return () => {
    if (typeof collect === "function") collect();
  };
}
