/**
 * Time as ONNX Runtime takes it: without the way to its thread and back, which for a small model is as long as the
 * model itself and no part of either that is compared.
 */
import type { Runtime } from "../runtime/runtime.ts";

/** All that ONNX Runtime has taken so far, in milliseconds. */
export function engineMilliseconds({ counters }: Pick<Runtime, "counters">): number {
  return [...counters.graphs.values()].reduce((sum, { milliseconds }) => sum + milliseconds, 0);
}

/** What it takes for this work; nothing else may run meanwhile. */
export async function engineTime(runtime: Runtime, work: () => Promise<unknown>): Promise<number> {
  const before = engineMilliseconds(runtime);
  await work();
  return engineMilliseconds(runtime) - before;
}
