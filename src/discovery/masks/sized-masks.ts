/**
 * Soft masks of a given size, and how a loss changes with the scores behind them (matryoshka attribution, arXiv
 * 2609.25518, made aware of costs): m_j = σ((s_j − τ)/T), with the threshold τ that makes Σ cost_j·m_j the size asked
 * for. One list of scores so gives a mask of every size.
 */
import type { Mask } from "./gate-space.ts";

export interface SizedMask {
  readonly mask: Mask;
  readonly threshold: number;
}

const bisections = 50;
/** Beyond so many temperatures from a score, its mask is 0 or 1 up to rounding. */
const saturation = 40;

/** @param size Σ cost_j·m_j, from 0 to the sum of the costs. */
export function sizedMask(
  scores: Float64Array,
  costs: Float64Array,
  size: number,
  temperature: number,
): SizedMask {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const score of scores) {
    low = Math.min(low, score);
    high = Math.max(high, score);
  }
  low -= saturation * temperature;
  high += saturation * temperature;
  const sizeAt = (threshold: number): number => {
    let sum = 0;
    for (const [at, score] of scores.entries())
      sum += (costs[at] ?? 0) / (1 + Math.exp((threshold - score) / temperature));
    return sum;
  };
  for (let step = 0; step < bisections; step++) {
    const middle = (low + high) / 2;
    if (sizeAt(middle) > size) low = middle;
    else high = middle;
  }
  const threshold = (low + high) / 2;
  return { mask: scores.map((score) => 1 / (1 + Math.exp((threshold - score) / temperature))), threshold };
}

/**
 * ∂loss/∂s from ∂loss/∂m at a mask of a fixed size. A score that rises raises its own mask and, by the threshold,
 * lowers all others: w_j(G_j − c_j·ΣGw/Σcw), with w = m(1 − m)/T and c = cost / least cost.
 */
export function scoreGradient(
  mask: Mask,
  gradient: Float64Array,
  costs: Float64Array,
  temperature: number,
): Float64Array {
  const least = costs.reduce((one, other) => Math.min(one, other), Number.POSITIVE_INFINITY);
  const weights = mask.map((m) => (m * (1 - m)) / temperature);
  let all = 0;
  let room = 0;
  for (const [at, weight] of weights.entries()) {
    all += (gradient[at] ?? 0) * weight;
    room += ((costs[at] ?? 0) / least) * weight;
  }
  const slope = room > 0 ? all / room : 0;
  return weights.map((weight, at) => weight * ((gradient[at] ?? 0) - ((costs[at] ?? 0) / least) * slope));
}
