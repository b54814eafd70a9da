/** A sweep's row in the words and numbers of the page. */
import type { SweepRow } from "../../src/experiments/sweep-row.ts";

/** Unlike any other row's of the sweep. */
export function rowKey({ seed, ablation, mlps, alpha }: SweepRow): string {
  return `${ablation} ${mlps} ${seed} ${alpha}`;
}

/** "α = 0.02, averages". */
export function describe({ alpha, ablation, mlps }: SweepRow): string {
  return `α = ${alpha}, ${ablation === "mean" ? "averages" : "zeros"}${mlps ? "" : ", MLPs stay"}`;
}

/** Of the attention and MLP weights, what is left. */
export function share({ parameters: { original, circuit } }: SweepRow): number {
  return circuit.body / original.body;
}

/** Which prompts its accuracy and KL are of. */
export function promptsOf({ accuracy }: SweepRow): string {
  return accuracy.test === undefined ? "validation prompts" : "unseen prompts";
}

export function klOf({ accuracy, kl }: SweepRow): number {
  return (accuracy.test === undefined ? undefined : kl.test) ?? kl.validation;
}

export function accuracyOf({ accuracy }: SweepRow): { readonly original: number; readonly circuit: number } {
  return accuracy.test ?? accuracy.validation;
}

/** By the weights that are left; of equal ones the more accurate. Undefined where none is so accurate. */
export function smallestAtLeast(rows: readonly SweepRow[], accuracy: number): SweepRow | undefined {
  return rows
    .filter((row) => accuracyOf(row).circuit >= accuracy)
    .toSorted((a, b) => share(a) - share(b) || accuracyOf(b).circuit - accuracyOf(a).circuit)[0];
}
