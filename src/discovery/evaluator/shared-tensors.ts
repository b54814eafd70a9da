/** Lists of tensors that several values share: a list is released with its last user. */
import type { DeviceTensor, Runtime } from "../../runtime/runtime.ts";

export interface SharedTensors {
  /** Counts one more user. */
  hold(tensors: readonly DeviceTensor[]): void;
  /** Counts one less, and releases the tensors after the last. */
  drop(tensors: readonly DeviceTensor[]): Promise<void>;
}

export function createSharedTensors(runtime: Runtime): SharedTensors {
  const users = new Map<readonly DeviceTensor[], number>();
  return {
    hold(tensors) {
      users.set(tensors, (users.get(tensors) ?? 0) + 1);
    },
    async drop(tensors) {
      const left = (users.get(tensors) ?? 0) - 1;
      users.set(tensors, left);
      if (left === 0) await runtime.release(...tensors);
    },
  };
}
