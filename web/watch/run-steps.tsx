/** The steps of a run, with the current one marked. */
import type { Step } from "../../src/jobs/events.ts";
import type { RunSummary } from "../../src/server/api.ts";
import type { LiveRun } from "../data/live-run.ts";

const steps: Readonly<Record<RunSummary["kind"], readonly Step[]>> = {
  extract: ["preflight", "activations", "search", "export", "verify", "measure"],
  sweep: ["sweep"],
};

const names: Readonly<Record<Step, string>> = {
  download: "Fetch the model",
  preflight: "Ask the original",
  activations: "Read the prompts",
  search: "Search",
  train: "Train",
  rank: "Score components",
  sweep: "Sweep",
  bootstrap: "Resample",
  export: "Write the circuit",
  verify: "Check it",
  measure: "Measure it",
};

export function RunSteps({ run, kind }: { readonly run: LiveRun; readonly kind: RunSummary["kind"] }) {
  const current = run.step.value;
  const known = steps[kind];
  const all = current !== undefined && !known.includes(current) ? [current, ...known] : known;
  const at = run.state.value === "done" ? all.length : current === undefined ? -1 : all.indexOf(current);
  if (all.length < 2) return null;
  return (
    <ol class="steps" aria-label="Steps of the run">
      {all.map((step, index) => (
        <li
          key={step}
          class={index < at ? "step past" : index === at ? "step present" : "step"}
          aria-current={index === at ? "step" : undefined}
        >
          {names[step]}
          {index < at && <span class="visually-hidden"> (done)</span>}
        </li>
      ))}
    </ol>
  );
}
