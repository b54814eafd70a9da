/**
 * Time inside ONNX Runtime only. It leaves out the messages to the engine's thread and back: for a small model
 * they take as long as the model itself, and they are not part of what is compared.
 */
import type { Runtime } from "../runtime/runtime.ts";

/** The total time of ONNX Runtime so far, in milliseconds. */
export function engineMilliseconds({ counters }: Pick<Runtime, "counters">): number {
  return [...counters.graphs.values()].reduce((sum, { milliseconds }) => sum + milliseconds, 0);
}

/** ONNX Runtime's time for this work; nothing else may run in the meantime. */
export async function engineTime(runtime: Runtime, work: () => Promise<unknown>): Promise<number> {
  const before = engineMilliseconds(runtime);
  await work();
  return engineMilliseconds(runtime) - before;
}
