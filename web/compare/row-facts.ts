/** A sweep's row as words and numbers for the page. */
import type { SweepRow } from "../../src/experiments/sweep-row.ts";
import type { SizeCurvePoint } from "../../src/export/size-curve-record.ts";

/** A key that is unique within the sweep. */
export function rowKey({ seed, ablation, mlps, alpha }: SweepRow): string {
  return `${ablation} ${mlps} ${seed} ${alpha}`;
}

/** "α = 0.02, averages". */
export function describe({ alpha, ablation, mlps }: SweepRow): string {
  return `α = ${alpha}, ${ablation === "mean" ? "averages" : "zeros"}${mlps ? "" : ", MLPs stay"}`;
}

/** The share of the attention and MLP weights that is left. */
export function share({ parameters: { original, circuit } }: SweepRow): number {
  return circuit.body / original.body;
}

/** The prompts on which accuracy and KL were measured. */
export function promptsOf({ accuracy }: SweepRow): string {
  return accuracy.test === undefined ? "validation prompts" : "unseen prompts";
}

export function klOf({ accuracy, kl }: SweepRow): number {
  return (accuracy.test === undefined ? undefined : kl.test) ?? kl.validation;
}

/**
 * KL of a point of a curve, on the prompts of the sweep's figures; undefined where it was not measured on them.
 */
export function curveKl({ kl }: SizeCurvePoint, row: SweepRow): number | undefined {
  return row.accuracy.test === undefined ? kl.validation : kl.test;
}

export function accuracyOf({ accuracy }: SweepRow): { readonly original: number; readonly circuit: number } {
  return accuracy.test ?? accuracy.validation;
}

/**
 * The row with the fewest weights left; among equal ones, the most accurate. Undefined if no row is that
 * accurate.
 */
export function smallestAtLeast(rows: readonly SweepRow[], accuracy: number): SweepRow | undefined {
  return rows
    .filter((row) => accuracyOf(row).circuit >= accuracy)
    .toSorted((a, b) => share(a) - share(b) || accuracyOf(b).circuit - accuracyOf(a).circuit)[0];
}
