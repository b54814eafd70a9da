/** The page of a running run: what is being tried, its progress, and controls to stop it. */

import { formatKl } from "../../src/report/format.ts";
import type { RunDetail } from "../../src/server/api.ts";
import { isFinal, type LiveRun } from "../data/live-run.ts";
import { runPath } from "../data/router.ts";
import { unitsOfRun } from "../data/units-of-run.ts";
import { Figure } from "../parts/figure.tsx";
import { Empty, FaultNotice } from "../parts/notice.tsx";
import { AccuracyFigure, SizeFigures } from "../parts/result-figures.tsx";
import { LiveCurve } from "./live-curve.tsx";
import { LiveMap } from "./live-map.tsx";
import { PaceFigures } from "./pace-figures.tsx";
import { QueuedRuns } from "./queued-runs.tsx";
import { RunControls } from "./run-controls.tsx";
import { RunSteps } from "./run-steps.tsx";

export function WatchPage({ run, detail }: { readonly run: LiveRun; readonly detail: RunDetail }) {
  const { request } = detail;
  const units = unitsOfRun(detail);
  const state = run.state.value;
  // It decides on no single component, so that no map fills and no KL grows step by step.
  const isLearned = request.kind === "extract" && request.search !== undefined;
  return (
    <>
      <RunControls run={run}>
        {state === "done" && (
          <a
            class="button primary"
            href={runPath(run.id, detail.kind === "sweep" ? "compare" : "understand")}
          >
            {detail.kind === "sweep" ? "Compare its circuits" : "Understand this circuit"}
          </a>
        )}
      </RunControls>
      {state === "failed" && run.fault.value !== undefined && (
        <FaultNotice fault={run.fault.value}>
          <p>
            Resumed, it goes on from what it had decided. Or <a href="#/">start another run</a>.
          </p>
        </FaultNotice>
      )}
      {state === "damaged" && run.fault.value !== undefined && <FaultNotice fault={run.fault.value} />}
      <RunSteps run={run} kind={detail.kind} />
      <div class="watch">
        <div class="watch-map">
          {request.kind === "sweep" ? (
            <SweepProgress run={run} detail={detail} />
          ) : isLearned ? (
            <LearnedProgress run={run} />
          ) : detail.headsPerLayer.length === 0 ? (
            <Empty title={state === "queued" ? "Waiting for its turn" : "Getting ready"}>
              <p>The map appears when the search begins.</p>
            </Empty>
          ) : (
            <LiveMap {...{ run, units }} headsPerLayer={detail.headsPerLayer} options={request.options} />
          )}
        </div>
        <div class="watch-side">
          <dl class="figures">
            {state === "done" && detail.circuit !== undefined && (
              <>
                <AccuracyFigure circuit={detail.circuit} />
                <SizeFigures circuit={detail.circuit} />
              </>
            )}
            <PaceFigures run={run} kind={detail.kind} counted={isLearned ? "steps" : "candidates"} />
            {request.kind === "extract" && !isLearned && <KeptFigures run={run} />}
          </dl>
          {request.kind === "extract" && !isLearned && detail.headsPerLayer.length > 0 && (
            <LiveCurve run={run} alpha={request.options.alpha} candidates={units.length} />
          )}
          <QueuedRuns except={run.id} moved={state} />
        </div>
      </div>
    </>
  );
}

function KeptFigures({ run }: { readonly run: LiveRun }) {
  // Read so that the page is drawn again when it changes: the decisions grow with it.
  void run.done.value;
  void run.detail.value;
  let [kept, kl] = [0, 0];
  for (const decision of run.decisions) {
    if (decision.pruned) kl = decision.kl;
    else kept++;
  }
  const tried = run.decisions.length;
  return (
    <>
      <Figure
        label={isFinal(run.state.value) ? "Kept" : "Kept so far"}
        value={
          <>
            {kept} <small>of {tried}</small>
          </>
        }
      />
      <Figure label="KL of the circuit" value={formatKl(kl)} detail="nats, validation prompts" />
    </>
  );
}

function LearnedProgress({ run }: { readonly run: LiveRun }) {
  const [done, total, state] = [run.done.value, run.total.value, run.state.value];
  return (
    <div class="sweep-progress">
      <h2>Masks of heads and neurons {state === "done" ? "were" : "are"} learned</h2>
      <p>
        A circuit that is as faithful as that of Algorithm 1 is looked for among masks of all sizes; so there
        is no component whose turn it is.{state !== "done" && " What stays is shown when the run is done."}
      </p>
      <progress
        max={Math.max(1, total)}
        value={isFinal(state) ? Math.max(1, total) : done}
        aria-label="Search"
      />
    </div>
  );
}

function SweepProgress({ run, detail }: { readonly run: LiveRun; readonly detail: RunDetail }) {
  const [done, total] = [run.done.value, run.total.value];
  const { request } = detail;
  return (
    <div class="sweep-progress">
      <h2>A sweep over {request.kind === "sweep" ? request.alphas.length : 0} thresholds</h2>
      <p>
        All thresholds walk down the layers together and part where their decisions differ. The circuits are
        measured as they are found.
      </p>
      <progress max={Math.max(1, total)} value={isFinal(run.state.value) ? total : done} aria-label="Sweep" />
    </div>
  );
}
