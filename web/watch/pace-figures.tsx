/** The progress of a run, its speed and its remaining time. */
import { formatCount, formatDuration, plural } from "../../src/report/format.ts";
import type { RunSummary } from "../../src/server/api.ts";
import { outOfTouch } from "../data/api-client.ts";
import { isFinal, type LiveRun } from "../data/live-run.ts";
import { Figure } from "../parts/figure.tsx";
import { unbroken } from "../parts/unbroken.ts";

export interface PaceFiguresProps {
  readonly run: LiveRun;
  readonly kind: RunSummary["kind"];
  /** What a search counts. */
  readonly counted: "candidates" | "steps";
}

export function PaceFigures({ run, kind, counted }: PaceFiguresProps) {
  const { done, total, pace, state, step } = run;
  const running = state.value === "running" && !outOfTouch.value;
  const searching = kind === "extract" && (step.value === "search" || step.value === undefined);
  const now = running ? pace.value : undefined;
  return (
    <>
      {kind === "sweep" ? (
        // A sweep counts settings, each a walk with all thresholds, and shares of those that are running.
        <Figure
          label="Done"
          value={unbroken(`${Math.floor((100 * done.value) / Math.max(1, total.value))} %`)}
          detail={`${Math.floor(done.value)} of ${plural(total.value, "setting")} finished`}
        />
      ) : (
        <Figure
          label={
            searching || !running ? (counted === "steps" ? "Steps taken" : "Candidates tried") : "This step"
          }
          value={
            <>
              {formatCount(done.value)} <small>of {formatCount(total.value)}</small>
            </>
          }
        />
      )}
      {isFinal(state.value) ? null : (
        <Figure
          label={kind === "sweep" ? "Time left" : "Time left in this step"}
          value={now === undefined ? "–" : formatDuration(Math.max(0, now.secondsLeft))}
          detail={
            now === undefined
              ? running
                ? "measuring"
                : outOfTouch.value
                  ? "not known"
                  : "not running"
              : kind === "sweep"
                ? "at the pace of the last seconds"
                : `${now.perSecond < 10 ? now.perSecond.toFixed(1) : Math.round(now.perSecond)} ${searching ? counted : "prompts"} a second`
          }
        />
      )}
    </>
  );
}
