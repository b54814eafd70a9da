/** All runs, newest first. */
import { useEffect, useState } from "preact/hooks";
import type { RunSummary } from "../src/server/api.ts";
import { type Fault, faultOf, get, outOfTouch, remove } from "./data/api-client.ts";
import { isFinal } from "./data/live-run.ts";
import { runPath } from "./data/router.ts";
import { factsOf } from "./data/run-facts.ts";
import { Empty, FaultNotice, Loading } from "./parts/notice.tsx";
import { stateWords } from "./watch/run-controls.tsx";

export function RunsPage() {
  const [runs, setRuns] = useState<readonly RunSummary[] | undefined>(undefined);
  const [fault, setFault] = useState<Fault | undefined>(undefined);
  const read = async () => {
    try {
      setRuns(await get<readonly RunSummary[]>("/api/runs"));
      setFault(undefined);
    } catch (thrown) {
      setFault(faultOf(thrown));
    }
  };
  // At once, and then at regular intervals.
  useEffect(() => {
    document.title = "Runs – Pith studio";
    void read();
    const timer = setInterval(read, 3000);
    return () => clearInterval(timer);
  }, []);
  const drop = async (id: string) => {
    try {
      await remove(`/api/runs/${encodeURIComponent(id)}`);
    } catch (thrown) {
      setFault(faultOf(thrown));
    }
    await read();
  };
  return (
    <>
      <h1>Runs</h1>
      {fault !== undefined && <FaultNotice fault={fault} />}
      {runs === undefined ? (
        fault === undefined && <Loading what="Reading the runs…" />
      ) : runs.length === 0 ? (
        <Empty title="No circuit has been looked for yet.">
          <p>
            <a class="button primary" href="#/">
              Find the first
            </a>
          </p>
        </Empty>
      ) : (
        <ul class="runs plain">
          {runs
            .toSorted((a, b) => b.created.localeCompare(a.created))
            .map((run) => (
              <RunRow key={run.id} run={run} onDrop={() => void drop(run.id)} />
            ))}
        </ul>
      )}
    </>
  );
}

function RunRow({ run, onDrop }: { readonly run: RunSummary; readonly onDrop: () => void }) {
  const { id, kind, state, done, total, taskName, modelName, created } = run;
  const [sure, setSure] = useState(false);
  const unsure = outOfTouch.value && !isFinal(state);
  const name = `${taskName} on ${modelName}`;
  return (
    <li class="run card">
      <div>
        <a
          class="run-name"
          href={runPath(id, state === "done" ? (kind === "sweep" ? "compare" : "understand") : "watch")}
        >
          {kind === "sweep" ? "Sweep: " : ""}
          {name}
        </a>
        <p class="hint">
          <time dateTime={created}>{new Date(created).toLocaleString("en-GB")}</time>
          {factsOf(id, state).value.map((fact) => (
            <span key={fact} class="run-fact">
              {fact}
            </span>
          ))}
        </p>
      </div>
      {!isFinal(state) && (
        <progress max={Math.max(1, total)} value={done} aria-label={`Progress of ${name}`} />
      )}
      <span class={`state state-${unsure ? "unsure" : state}`}>
        {unsure ? "Not known" : stateWords[state]}
      </span>
      {isFinal(state) && (
        <button
          type="button"
          class="button quiet"
          disabled={outOfTouch.value}
          onClick={() => (sure ? onDrop() : setSure(true))}
          onBlur={() => setSure(false)}
          aria-label={`${sure ? "Really delete" : "Delete"} ${name}`}
        >
          {sure ? "Really delete?" : "Delete"}
        </button>
      )}
    </li>
  );
}
