/**
 * When a candidate is certainly kept although not all prompts were tried. The KL of each prompt is at least 0, so the mean
 * over all is at least the sum over the tried ones by the weight of all. Once this bound alone forbids pruning, the rest
 * can't allow it.
 */
import type { KlSoFar } from "../../evaluator/candidate-kl.ts";

/**
 * How far below 0 rounding may take the computed KL of a prompt, in nats, as a mean over those that were not tried. What
 * was measured is below 1e-5 (stages.test.ts: 40 rows of float32 against float64).
 */
const roundingOfOnePrompt = 1e-3;
/** How far rounding may take the bound itself: prompts in other batches, sums in another order. */
const roundingOfTheBound = 1e-5;

/** The least mean KL that the tried prompts leave possible, in nats. */
interface KlBound {
  readonly kl: number;
  /** By this much rounding may make the computed mean smaller. */
  readonly slack: number;
}

/** @param weights how many times each prompt counts; left out: once. */
export function leastMean({ kl, known }: KlSoFar, weights: readonly number[] | undefined): KlBound {
  const weightOf = (prompt: number) => weights?.[prompt] ?? 1;
  let [sum, tried, all] = [0, 0, 0];
  for (let prompt = 0; prompt < kl.length; prompt++) all += weightOf(prompt);
  for (const prompt of known) {
    sum += weightOf(prompt) * (kl[prompt] ?? Number.NaN);
    tried += weightOf(prompt);
  }
  return { kl: sum / all, slack: roundingOfTheBound + (roundingOfOnePrompt * (all - tried)) / all };
}

/** Whether no rest of the prompts can lead to pruning. @param current KL of the model as decided before. */
export function isKeptFrom(
  { kl, slack }: KlBound,
  current: number,
  alpha: number,
  maxKl: number | undefined,
): boolean {
  const least = kl - slack;
  return least - current >= alpha || (maxKl !== undefined && least > maxKl);
}
