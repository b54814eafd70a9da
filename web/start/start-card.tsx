/** The estimated cost of the run, and the button that starts it. */
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
  heldBack,
  kind,
  model,
  startRun,
  sweepAlphas,
  sweepFields,
  task,
  wrongFields,
} from "./run-form.ts";

export function StartCard() {
  const [starting, setStarting] = useState(false);
  const [fault, setFault] = useState<Fault | undefined>(undefined);
  const isSweep = kind.value === "sweep";
  const ready = canStart() && (!isSweep || sweepAlphas(sweepFields.value).length > 0);
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
      <EstimateFigures />
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

function EstimateFigures() {
  const found = estimate.value;
  if (found === undefined) return <p class="hint">An estimate appears when model and task fit.</p>;
  const { searches = 1, secondsAtMost } = found;
  return (
    <div class={checking.value ? "stale" : undefined}>
      <dl class="facts">
        {secondsAtMost !== undefined && (
          <>
            <dt>
              {formatCount(searches)} {searches === 1 ? "search" : "searches"}
            </dt>
            <dd>at most {formatDuration(secondsAtMost)}</dd>
          </>
        )}
        <dt>{secondsAtMost === undefined ? "Time" : "One alone"}</dt>
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
          An upper bound, as if everything stayed and each threshold were searched by itself: they share what
          they evaluate until their decisions differ.
        </p>
      )}
      <p class="hint">{found.how}</p>
    </div>
  );
}

function whyNot(): string {
  if (model.value === undefined) return "Open a model first.";
  if (wrongFields.value.size > 0) return "Mend the number that is marked first.";
  const chosen = task.value;
  if (chosen.kind === "text" && chosen.text.trim() === "") return "The task has no examples yet.";
  if (checking.value) return "Checking the task…";
  if ((check.value?.faults.length ?? 0) > 0)
    return chosen.kind === "text"
      ? "Mend the lines that are marked first."
      : "This model can't be asked this task.";
  if (kind.value === "sweep" && sweepAlphas(sweepFields.value).length === 0)
    return "The thresholds can't be used.";
  const held = heldBack();
  if (held === "weak")
    return "The original does not do this task: see below the task, where it can be allowed.";
  if (held === "strict") return "There are warnings, and nothing is to start with any: see below the task.";
  return "The task can't be used as it is.";
}
