/** A runtime that counts what it holds, for tests that everything is released. */
import type { DeviceTensor, Runtime, Session } from "../../src/runtime/runtime.ts";

export interface CountingRuntime extends Runtime {
  /** Tensors and sessions that were created and neither released nor unloaded. */
  readonly held: () => { readonly tensors: number; readonly sessions: number };
}

export function countingRuntime(runtime: Runtime): CountingRuntime {
  const tensors = new Set<number>();
  const sessions = new Set<Session>();
  const keep = (session: Session): Session => {
    const kept: Session = {
      async run(feeds) {
        const outputs = await session.run(feeds);
        for (const { held } of Object.values(outputs)) tensors.add(held);
        return outputs;
      },
      async unload() {
        sessions.delete(kept);
        await session.unload();
      },
    };
    sessions.add(kept);
    return kept;
  };
  return {
    ...runtime,
    held: () => ({ tensors: tensors.size, sessions: sessions.size }),
    load: async (graph, options) => keep(await runtime.load(graph, options)),
    loadFile: async (path, size) => keep(await runtime.loadFile(path, size)),
    async upload(tensor) {
      const uploaded = await runtime.upload(tensor);
      tensors.add(uploaded.held);
      return uploaded;
    },
    async release(...released: readonly DeviceTensor[]) {
      for (const { held } of released) tensors.delete(held);
      await runtime.release(...released);
    },
  };
}
