/**
 * The sessions of a gated model's graphs. A model that is run hundreds of times keeps them loaded; one that is run a
 * few times, or is large, loads each when its layer's turn comes and lets it go after all batches.
 */
import type { Graph } from "../../onnx/graph.ts";
import type { Runtime, Session } from "../../runtime/runtime.ts";

export interface SessionShelf {
  /** Runs with the session of a graph. @param key names the graph among all of this shelf. */
  use<T>(key: string, graph: () => Graph, run: (session: Session) => Promise<T>): Promise<T>;
  /** Lets go the sessions of keys that begin so. */
  drop(prefix: string): Promise<void>;
  close(): Promise<void>;
}

/** @param holds whether sessions stay loaded until the shelf is closed. */
export function createSessionShelf(runtime: Runtime, holds: boolean): SessionShelf {
  const held = new Map<string, Session>();
  const drop = async (prefix: string): Promise<void> => {
    for (const [key, session] of held) {
      if (!key.startsWith(prefix)) continue;
      held.delete(key);
      await session.unload();
    }
  };
  return {
    async use(key, graph, run) {
      const session = held.get(key) ?? (await runtime.load(graph()));
      if (holds) held.set(key, session);
      try {
        return await run(session);
      } finally {
        if (!holds) await session.unload();
      }
    },
    drop,
    close: () => drop(""),
  };
}
