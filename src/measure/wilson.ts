/**
 * The confidence interval of a share (Wilson, 1927). Unlike the usual ± interval, it is also right near 0 and 1,
 * where accuracies often are.
 */

/** The normal quantile that leaves 2.5 % on either side. */
const z95 = 1.959963984540054;

/** The 95 % interval. @param right of @param count, which is at least one. */
export function wilsonInterval(right: number, count: number): readonly [low: number, high: number] {
  if (!(count >= 1 && right >= 0 && right <= count)) throw new RangeError(`${right} of ${count}`);
  const share = right / count;
  const square = (z95 * z95) / count;
  const middle = (share + square / 2) / (1 + square);
  const half = (z95 / (1 + square)) * Math.sqrt((share * (1 - share)) / count + square / (4 * count));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}
