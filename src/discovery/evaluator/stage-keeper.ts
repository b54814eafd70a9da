/** Unloads the sessions of decided stages. They are shared by uppers, which are values and own nothing. */
import type { Session } from "../../runtime/runtime.ts";
import type { Stage, Upper } from "./upper.ts";

/** Records the sessions that uppers use, and unloads those that are no longer in use. */
export interface StageKeeper {
  /** @param fresh stages that perhaps no upper has taken over. */
  keepOnly(fresh: readonly Stage[], alive: readonly Upper[]): Promise<void>;
}

export function createStageKeeper(): StageKeeper {
  let known = new Set<Session>();
  return {
    async keepOnly(fresh, alive) {
      const used = new Set(alive.flatMap(({ parts }) => parts.map(({ stage }) => stage.session)));
      for (const session of new Set([...known, ...fresh.map(({ session }) => session)])) {
        if (!used.has(session)) await session.unload();
      }
      known = used;
    },
  };
}
