/** What the run will take, and the button that begins it. */
import { useState } from "preact/hooks";
import { formatBytes, formatCount, formatDuration } from "../../src/report/format.ts";
import { type Fault, faultOf } from "../data/api-client.ts";
import { go, runPath } from "../data/router.ts";
import { FaultNotice } from "../parts/notice.tsx";
import {
  canStart,
  check,
  checking,
  estimate,
  kind,
  model,
  startRun,
  sweep,
  sweepAlphas,
  task,
} from "./run-form.ts";

export function StartCard() {
  const [starting, setStarting] = useState(false);
  const [fault, setFault] = useState<Fault | undefined>(undefined);
  const isSweep = kind.value === "sweep";
  const ready = canStart() && (!isSweep || sweepAlphas(sweep.value).length > 0);
  const start = async () => {
    setStarting(true);
    setFault(undefined);
    try {
      const { id } = await startRun();
      go(runPath(id));
    } catch (thrown) {
      setFault(faultOf(thrown));
    }
    setStarting(false);
  };
  return (
    <aside class="start-card card" aria-label="Before the start">
      <h2 class="small-title">{isSweep ? "One of its searches will take" : "It will take"}</h2>
      <EstimateFigures searches={isSweep ? searchesOf(sweep.value) : 1} />
      <button
        type="button"
        class="button primary large"
        disabled={!ready || starting}
        onClick={() => void start()}
      >
        {starting ? "Starting…" : isSweep ? "Start the sweep" : "Start the search"}
      </button>
      {!ready && !starting && <p class="hint">{whyNot()}</p>}
      {fault !== undefined && <FaultNotice fault={fault} />}
    </aside>
  );
}

function EstimateFigures({ searches }: { readonly searches: number }) {
  const found = estimate.value;
  if (found === undefined) return <p class="hint">An estimate appears when model and task fit.</p>;
  return (
    <div class={checking.value ? "stale" : undefined}>
      <dl class="facts">
        <dt>Time</dt>
        <dd>about {formatDuration(found.seconds)}</dd>
        <dt>Memory</dt>
        <dd>about {formatBytes(found.memoryBytes)}</dd>
        <dt>Candidates</dt>
        <dd>{formatCount(found.candidates)}</dd>
        {searches > 1 && (
          <>
            <dt>Searches</dt>
            <dd>{formatCount(searches)}</dd>
          </>
        )}
      </dl>
      <p class="hint">{found.how}</p>
    </div>
  );
}

function searchesOf(chosen: typeof sweep.value): number {
  return sweepAlphas(chosen).length * (chosen.zero ? 2 : 1) * (chosen.noMlps ? 2 : 1);
}

function whyNot(): string {
  if (model.value === undefined) return "Open a model first.";
  const chosen = task.value;
  if (chosen.kind === "text" && chosen.text.trim() === "") return "The task has no examples yet.";
  if (checking.value) return "Checking the task…";
  if ((check.value?.faults.length ?? 0) > 0) return "Mend the lines that are marked first.";
  return "The task can't be used as it is.";
}
