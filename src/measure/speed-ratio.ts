/**
 * How many times as fast one thing is as another, from runs in pairs. On a machine that does other work as well, two
 * medians may differ by any factor; the ratio within a pair feels the same disturbance twice, and the spread of the
 * ratios says how far their median can be trusted.
 */

/** How many times as fast one thing is as another. */
export interface SpeedRatio {
  /** Times as fast: the median over the pairs of the first's time by the second's. */
  readonly ratio: number;
  /**
   * The interval that holds the median of all such ratios in 95 of 100 measurements at least. It is made of two of the
   * ratios themselves (order statistics), so nothing is assumed of how they are distributed.
   */
  readonly interval: readonly [low: number, high: number];
  /** How many pairs of runs were compared. */
  readonly pairs: number;
}

/** With fewer pairs no two ratios enclose the median so surely. */
export const fewestPairs = 6;

/**
 * @param first times of the one that is compared with. @param second times of the other, in the same order.
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
 * How many ratios may lie outside on either side: the most k with 2·P(X ≤ k) ≤ 0.05, where X of the pairs lie below
 * their true median as often as a coin falls on heads.
 */
function ratiosOutside(pairs: number): number {
  // In logarithms, for 2 to the power of minus a thousand is no number.
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
