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
  wrongFields,
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
      <h2 class="small-title">It will take</h2>
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
        {searches > 1 && (
          <>
            <dt>{formatCount(searches)} searches</dt>
            <dd>up to about {formatDuration(searches * found.seconds)}</dd>
          </>
        )}
        <dt>{searches > 1 ? "One alone" : "Time"}</dt>
        <dd>about {formatDuration(found.seconds)}</dd>
        <dt>Memory</dt>
        <dd>about {formatBytes(found.memoryBytes)}</dd>
        <dt>Candidates</dt>
        <dd>
          {formatCount(found.candidates)}
          {searches > 1 && " in each"}
        </dd>
      </dl>
      {searches > 1 && (
        <p class="hint">
          An upper bound: thresholds share what they evaluate until their decisions differ, so together they
          take less than one after the other.
        </p>
      )}
      <p class="hint">{found.how}</p>
    </div>
  );
}

function searchesOf(chosen: typeof sweep.value): number {
  return sweepAlphas(chosen).length * (chosen.zero ? 2 : 1) * (chosen.noMlps ? 2 : 1);
}

function whyNot(): string {
  if (model.value === undefined) return "Open a model first.";
  if (wrongFields.value.size > 0) return "Mend the number that is marked first.";
  const chosen = task.value;
  if (chosen.kind === "text" && chosen.text.trim() === "") return "The task has no examples yet.";
  if (checking.value) return "Checking the task…";
  if ((check.value?.faults.length ?? 0) > 0) return "Mend the lines that are marked first.";
  if (kind.value === "sweep" && sweepAlphas(sweep.value).length === 0) return "The thresholds can't be used.";
  return "The task can't be used as it is.";
}
