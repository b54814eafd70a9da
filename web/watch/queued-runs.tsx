/** The other runs: those before this one in the queue, and those after it. */
import { useEffect, useState } from "preact/hooks";
import type { RunState, RunSummary } from "../../src/server/api.ts";
import { get } from "../data/api-client.ts";
import { runPath } from "../data/router.ts";
import { stateWords } from "./run-controls.tsx";

/** @param moved changes when the shown run's state does; other runs may change then too. */
export function QueuedRuns({
  except,
  moved,
}: {
  readonly except: string;
  readonly moved: RunState | undefined;
}) {
  const [runs, setRuns] = useState<readonly RunSummary[]>([]);
  // When this run changes its state, others may start.
  useEffect(() => {
    const abort = new AbortController();
    const read = () =>
      get<readonly RunSummary[]>("/api/runs", abort.signal)
        .then(setRuns)
        // The page's own run reports a missing server.
        .catch(() => undefined);
    void read();
    const timer = setInterval(read, 5000);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [except, moved]);
  const open = runs.filter(
    ({ id, state }) => id !== except && ["running", "queued", "paused"].includes(state),
  );
  if (open.length === 0) return null;
  return (
    <section class="queue" aria-labelledby="queue-title">
      <h2 class="small-title" id="queue-title">
        Also in the queue
      </h2>
      <ul class="plain">
        {open.map(({ id, state, modelName, taskName, kind }) => (
          <li key={id}>
            <a href={runPath(id)}>
              {kind === "sweep" ? "Sweep: " : ""}
              {modelName} on {taskName}
            </a>{" "}
            <span class={`state state-${state}`}>{stateWords[state]}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
