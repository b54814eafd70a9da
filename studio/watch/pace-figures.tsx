/** How far, how fast, how long still. */
import { formatCount, formatDuration, plural } from "../../src/report/format.ts";
import type { RunSummary } from "../../src/studio/api.ts";
import { isFinal, type LiveRun } from "../data/live-run.ts";
import { Figure } from "../parts/figure.tsx";

export function PaceFigures({ run, kind }: { readonly run: LiveRun; readonly kind: RunSummary["kind"] }) {
  const { done, total, pace, state, step } = run;
  const running = state.value === "running";
  const searching = kind === "extract" && (step.value === "search" || step.value === undefined);
  const now = running ? pace.value : undefined;
  return (
    <>
      {kind === "sweep" ? (
        // What a sweep counts are whole searches, and shares of those under way.
        <Figure
          label="Done"
          value={`${Math.floor((100 * done.value) / Math.max(1, total.value))} %`}
          detail={`of ${plural(total.value, "search walk")}`}
        />
      ) : (
        <Figure
          label={searching || !running ? "Candidates tried" : "This step"}
          value={
            <>
              {formatCount(done.value)} <small>of {formatCount(total.value)}</small>
            </>
          }
        />
      )}
      {isFinal(state.value) ? null : (
        <Figure
          label="Time left in this step"
          value={now === undefined ? "–" : formatDuration(Math.max(0, now.secondsLeft))}
          detail={
            now === undefined
              ? running
                ? "measuring"
                : "not running"
              : kind === "sweep"
                ? "at the pace of the last seconds"
                : `${now.perSecond < 10 ? now.perSecond.toFixed(1) : Math.round(now.perSecond)} ${searching ? "candidates" : "prompts"} a second`
          }
        />
      )}
    </>
  );
}
