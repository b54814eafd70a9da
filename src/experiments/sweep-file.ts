/**
 * The facts about a sweep in `sweep.json`, beside its rows: the options, the model, the number of evaluations of
 * each unit, and how well known circuits were found. It holds no times.
 */
import type { EvaluationCounts } from "./sweep-journal.ts";
import type { SweepPlan } from "./sweep-plan.ts";
import type { SweepRuns } from "./sweep-row.ts";
import { summarizeSweep } from "./sweep-summary.ts";

/** The cost of one unit of a sweep. */
export interface UnitCounts extends EvaluationCounts {
  /** The task's name. */
  readonly task: string;
  /** The seed that drew or split the prompts. */
  readonly seed: number;
  /** The replacement of pruned components. */
  readonly ablation: "mean" | "zero";
  /** Whether MLPs could be pruned. */
  readonly mlps: boolean;
}

export interface SweepFileContents {
  /** Pith's version. */
  readonly pith: string;
  /** SHA-256 of the files that hold the model's weights. */
  readonly modelFiles: readonly string[];
  readonly plan: SweepPlan;
  readonly runs: SweepRuns;
  readonly units: readonly UnitCounts[];
}

/** The whole of sweep.json. */
export function formatSweepFile({ pith, modelFiles, plan, runs, units }: SweepFileContents): string {
  const { alphas, means, firstPosition = "auto", order, valueBias = "removed", maxKl } = plan;
  const contents = {
    format: "pith.sweep/1",
    pith,
    model: { ...runs.model, sha256: modelFiles },
    options: {
      alphas,
      means,
      order,
      ...(means === "pooled" && ablates(plan, "mean") && { firstPosition }),
      ...(ablates(plan, "zero") && { valueBias }),
      ...(maxKl !== undefined && { maxKl }),
    },
    units: units.map((unit, index) => ({ ...unit, examples: examplesOf(plan, index) })),
    known: summarizeSweep(runs.rows).flatMap(({ task, ablation, mlps, known }) =>
      known === undefined ? [] : [{ task, ablation, mlps, ...known }],
    ),
  };
  return `${JSON.stringify(contents, undefined, 2)}\n`;
}

const ablates = ({ units }: SweepPlan, kind: "mean" | "zero"): boolean =>
  units.some(({ ablation }) => ablation === kind);

function examplesOf(plan: SweepPlan, index: number): Readonly<Record<string, number>> {
  const { patching = [], validation = [], test = [] } = plan.units[index]?.encoded ?? {};
  return { patching: patching.length, validation: validation.length, test: test.length };
}
