/**
 * Makes the curves of Figures 2 to 9 from a sweep's rows: for each setting and threshold, mean and spread over
 * the repeated runs. The published results are processed in the same way (`published.ts`).
 */
import type { Head } from "../known/known-circuits.ts";
import { areaUnderCurve, meanRoc, type RocPoint, recoveryRates, rocCurve } from "../known/recovery.ts";
import { type Ablation, PAPER_SETTINGS, type Setting } from "./paper-settings.ts";
import { circuitOfRow } from "./row-circuit.ts";
import { groupBy, type Spread, spreadOf } from "./spread.ts";
import type { SweepRow } from "./sweep-row.ts";

/** The result of one run at one threshold, as far as figures show it. */
export interface CurvePoint extends Setting {
  readonly task: string;
  readonly alpha: number;
  /** Body parameters left, and in the original. */
  readonly body: number;
  readonly originalBody: number;
  /** 0 … 1, of the circuit and the original on the prompts that chose the circuit, as in the paper. */
  readonly accuracy: number;
  /** Unknown for the published results. */
  readonly originalAccuracy?: number;
  /** Accuracy on prompts that were not used before. */
  readonly testAccuracy?: number;
  readonly originalTestAccuracy?: number;
}

/** Mean and spread over the runs at one threshold. Shares are 0 … 1. */
export interface CurveMean {
  /** The threshold, in nats. */
  readonly alpha: number;
  /** Body parameters that are left. */
  readonly body: Spread;
  /** Share of the body that is left. */
  readonly kept: Spread;
  /** Accuracy on the prompts that chose the circuit. */
  readonly accuracy: Spread;
  /** Accuracy on prompts that were not used before, if it was measured. */
  readonly testAccuracy?: Spread;
}

/** The curve of one setting. */
export interface SettingCurve extends Setting {
  /** One point for each threshold, by rising α. */
  readonly points: readonly CurveMean[];
}

/** The curves of one task. */
export interface TaskCurves {
  /** The task's name. */
  readonly task: string;
  /** In the figures' order; settings that were not run are left out. */
  readonly curves: readonly SettingCurve[];
  /** The original's accuracy on the prompts that chose the circuits, where it was measured. */
  readonly originalAccuracy?: Spread;
  /** The original's accuracy on prompts that were not used before, if it was measured. */
  readonly originalTestAccuracy?: Spread;
}

export function curvePoint({ task, ablation, mlps, alpha, accuracy, parameters }: SweepRow): CurvePoint {
  const { validation, test } = accuracy;
  return {
    ...{ task, ablation, mlps, alpha },
    body: parameters.circuit.body,
    originalBody: parameters.original.body,
    accuracy: validation.circuit,
    originalAccuracy: validation.original,
    ...(test && { testAccuracy: test.circuit, originalTestAccuracy: test.original }),
  };
}

/** @param points of one task, in any order. */
export function taskCurves(task: string, points: readonly CurvePoint[]): TaskCurves {
  const own = points.filter((point) => point.task === task);
  const original = spreadOfAll(own, ({ originalAccuracy }) => originalAccuracy);
  const originalTest = spreadOfAll(own, ({ originalTestAccuracy }) => originalTestAccuracy);
  const curves = PAPER_SETTINGS.flatMap(({ ablation, mlps }) => {
    const ofSetting = own.filter((point) => point.ablation === ablation && point.mlps === mlps);
    const byAlpha = [...groupBy(ofSetting, ({ alpha }) => alpha)].sort(([a], [b]) => a - b);
    return byAlpha.length === 0
      ? []
      : [{ ablation, mlps, points: byAlpha.map(([alpha, group]) => curveMean(alpha, group)) }];
  });
  return {
    ...{ task, curves },
    ...(original && { originalAccuracy: original }),
    ...(originalTest && { originalTestAccuracy: originalTest }),
  };
}

function curveMean(alpha: number, group: readonly CurvePoint[]): CurveMean {
  const testAccuracy = spreadOfAll(group, (point) => point.testAccuracy);
  return {
    alpha,
    body: spreadOf(group.map(({ body }) => body)),
    kept: spreadOf(group.map(({ body, originalBody }) => body / originalBody)),
    accuracy: spreadOf(group.map(({ accuracy }) => accuracy)),
    ...(testAccuracy && { testAccuracy }),
  };
}

/** Undefined unless all points have the value. */
function spreadOfAll(
  points: readonly CurvePoint[],
  value: (point: CurvePoint) => number | undefined,
): Spread | undefined {
  const values = points.flatMap((point) => value(point) ?? []);
  return values.length > 0 && values.length === points.length ? spreadOf(values) : undefined;
}

/** A task's panel of Figure 8 or 9. */
export interface RocCurves {
  /** The task's name. */
  readonly task: string;
  /** The replacement of pruned components. */
  readonly ablation: Ablation;
  /** The id of the known circuit that rates are computed against: "ioi/23". */
  readonly known: string;
  /** The points of each run at the same thresholds, [runs][thresholds]. */
  readonly runs: readonly (readonly RocPoint[])[];
  /** The thresholds, ascending, in nats. */
  readonly alphas: readonly number[];
  /** Both rates' means over the runs, by threshold. */
  readonly mean: readonly RocPoint[];
  /** Area under the mean curve as published: the curve begins and ends where the sweep does. */
  readonly publishedArea: number;
  /** The same with (0, 0) and (1, 1) added: the usual meaning of AUC. */
  readonly area: number;
}

export function rocCurves(
  { task, ablation, known }: { readonly task: string; readonly ablation: Ablation; readonly known: string },
  alphas: readonly number[],
  runs: readonly (readonly RocPoint[])[],
): RocCurves {
  const mean = meanRoc(runs);
  return {
    ...{ task, ablation, known, alphas, runs, mean },
    publishedArea: areaUnderCurve(rocCurve(mean, false)),
    area: areaUnderCurve(rocCurve(mean)),
  };
}

/**
 * Rates of a sweep's heads against a known circuit. The published curves come from searches that prune heads
 * only; where a sweep has no such searches, MLPs may have been pruned too.
 * @param headCounts heads of each layer of the model.
 * @returns undefined where the sweep has no rows of this task and ablation.
 * @throws PithError "circuit" when the known circuit has a head that the model lacks.
 */
export function sweepRoc(
  rows: readonly SweepRow[],
  { task, ablation }: { readonly task: string; readonly ablation: Ablation },
  known: { readonly id: string; readonly heads: readonly Head[] },
  headCounts: readonly number[],
): RocCurves | undefined {
  const own = rows.filter((row) => row.task === task && row.ablation === ablation);
  const headsOnly = own.filter((row) => !row.mlps);
  const chosen = headsOnly.length > 0 ? headsOnly : own;
  if (chosen.length === 0) return undefined;
  const runs = [...groupBy(chosen, ({ seed }) => seed).values()].map((run) =>
    run.toSorted((a, b) => a.alpha - b.alpha),
  );
  return rocCurves(
    { task, ablation, known: known.id },
    (runs[0] ?? []).map(({ alpha }) => alpha),
    runs.map((run) => run.map((row) => recoveryRates(circuitOfRow(row), known.heads, headCounts))),
  );
}
