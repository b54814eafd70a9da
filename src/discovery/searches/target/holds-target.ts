/** Decides whether a circuit meets a target, and whether any circuit can. */
import { PithError } from "../../../errors.ts";
import type { Assessment } from "./assess.ts";
import type { Target } from "./target-options.ts";

/** Shares of prompts and of parameters are compared up to rounding. */
export const shareRounding = 1e-12;

/** @param size share of the original's body parameters. */
export type HoldsTarget = (assessment: Assessment, size: number) => boolean;

/** @param maxKl in addition to an accuracy: the largest KL. */
export function holdsTarget(target: Target, maxKl: number | undefined): HoldsTarget {
  return ({ kl, accuracy = 0 }, size) => {
    if (target.kind === "size") return size <= target.value + shareRounding;
    if (target.kind === "kl") return kl <= target.value;
    return accuracy >= target.value - shareRounding && (maxKl === undefined || kl <= maxKl);
  };
}

/** @param least the smallest circuit's size. @throws PithError "options" if no circuit can meet the target. */
export function checkReachable(target: Target, original: Pick<Assessment, "accuracy">, least: number): void {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  if (target.kind === "accuracy" && (original.accuracy ?? 0) < target.value - shareRounding) {
    throw new PithError(
      "options",
      `no circuit is likely to hold an accuracy of ${percent(target.value)} on the validation prompts: the original itself reaches ${percent(original.accuracy ?? 0)}.`,
      { place: { field: "--target-accuracy" }, advice: "Ask for less, or check the task with pith eval." },
    );
  }
  if (target.kind === "size" && least > target.value + shareRounding) {
    throw new PithError(
      "options",
      `no circuit has ${percent(target.value)} of the body's parameters or less: what may not be pruned is ${percent(least)} of them.`,
      { place: { field: "--target-size" }, advice: "Ask for more, or let MLPs be pruned as well." },
    );
  }
}
