/**
 * A circuit's session while its answers are compared with another model's. It stays loaded, or, where memory is
 * bounded, is loaded for each use, so that the two models are never in memory together.
 */
import type { Runtime, Session } from "../runtime/runtime.ts";

interface SessionInUse {
  use<Result>(work: (session: Session) => Promise<Result>): Promise<Result>;
  end(): Promise<void>;
}

export async function sessionInUse(
  { room }: Pick<Runtime, "room">,
  load: () => Promise<Session>,
): Promise<SessionInUse> {
  if (room === undefined) {
    const session = await load();
    return { use: (work) => work(session), end: () => session.unload() };
  }
  return {
    async use(work) {
      const session = await load();
      try {
        return await work(session);
      } finally {
        await session.unload();
      }
    },
    async end() {},
  };
}
