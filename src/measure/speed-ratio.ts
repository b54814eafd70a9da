/**
 * How many times as fast one thing is as another, from pairs of runs. On a machine that does other work too, two
 * medians may differ by any factor. The two runs of a pair are disturbed in the same way, so their ratio is more
 * reliable, and the spread of the ratios shows how reliable their median is.
 */

/** How many times as fast one thing is as another. */
export interface SpeedRatio {
  /** The speed ratio: the median over the pairs of the first's time divided by the second's. */
  readonly ratio: number;
  /**
   * The confidence interval: it contains the true median ratio in at least 95 of 100 measurements. Its ends are
   * two of the ratios themselves (order statistics), so no distribution is assumed.
   */
  readonly interval: readonly [low: number, high: number];
  /** How many pairs of runs were compared. */
  readonly pairs: number;
}

/** With fewer pairs, no two ratios enclose the median with this certainty. */
export const fewestPairs = 6;

/**
 * @param first times of the reference. @param second times of the other, in the same order.
 * @throws RangeError for fewer than six pairs, or lists of unequal length.
 */
export function speedRatio(first: readonly number[], second: readonly number[]): SpeedRatio {
  const pairs = first.length;
  if (pairs < fewestPairs || second.length !== pairs) {
    throw new RangeError(`${pairs} and ${second.length} times are not ${fewestPairs} pairs`);
  }
  const ratios = first.map((time, index) => time / (second[index] ?? Number.NaN)).sort((a, b) => a - b);
  const at = (index: number) => ratios[index] ?? Number.NaN;
  const outside = ratiosOutside(pairs);
  return {
    ratio: (at(Math.floor((pairs - 1) / 2)) + at(Math.floor(pairs / 2))) / 2,
    interval: [at(outside), at(pairs - 1 - outside)],
    pairs,
  };
}

/**
 * How many ratios may lie outside on either side: the largest k with 2·P(X ≤ k) ≤ 0.05, where X, the number of
 * pairs below the true median, has the binomial distribution with p = 1/2.
 */
function ratiosOutside(pairs: number): number {
  // In logarithms, because 2 to the power of −1000 underflows.
  let chance = -pairs * Math.LN2;
  let tail = Math.exp(chance);
  let outside = 0;
  for (let k = 1; k < pairs; k++) {
    chance += Math.log((pairs - k + 1) / k);
    tail += Math.exp(chance);
    if (2 * tail > 0.05) break;
    outside = k;
  }
  return outside;
}
