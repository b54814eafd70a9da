import { expect, test } from "vitest";
import type { DeviceTensor, Runtime } from "../../runtime/runtime.ts";
import { createSharedTensors } from "./shared-tensors.ts";

test("a list of tensors is released once, with the last of those that hold it", async () => {
  const released: DeviceTensor[] = [];
  const runtime = {
    release: async (...tensors: DeviceTensor[]) => void released.push(...tensors),
  } as unknown as Runtime;
  const tensor = { shape: [1] } as unknown as DeviceTensor;
  const list = [tensor];
  const shared = createSharedTensors(runtime);
  shared.hold(list);
  shared.hold(list);
  await shared.drop(list);
  expect(released).toEqual([]);
  await shared.drop(list);
  expect(released).toEqual([tensor]);
});
