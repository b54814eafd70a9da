/** Mean and spread over repeated runs, as the paper's tables give them. */

/** Mean and spread over repeated runs. */
export interface Spread {
  /** The mean over the runs. */
  readonly mean: number;
  /** The sample standard deviation, dividing by n − 1; undefined for a single run. */
  readonly std: number | undefined;
  /** How many runs there are. */
  readonly count: number;
}

/**
 * Computes mean and spread. The paper's tables divide by n − 1, though they don't say so: only with n − 1 do its
 * own files give the printed numbers (acronyms with MLPs: 5.16, where n would give 4.61).
 * @throws RangeError for no values at all.
 */
export function spreadOf(values: readonly number[]): Spread {
  const [first] = values;
  if (first === undefined) throw new RangeError("the spread of nothing");
  const count = values.length;
  // Computed relative to the first value, so that equal values have exactly their own mean, and no deviation.
  const mean = first + values.reduce((sum, value) => sum + (value - first), 0) / count;
  if (count === 1) return { mean, std: undefined, count };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: Math.sqrt(squares / (count - 1)), count };
}

/** The same spread in another unit: percent for shares, millions for counts. */
export function scaledSpread({ mean, std, count }: Spread, factor: number): Spread {
  return { mean: mean * factor, std: std === undefined ? undefined : std * Math.abs(factor), count };
}

/** Groups items by the value of `key`, in order of first appearance. */
export function groupBy<T, K>(items: readonly T[], key: (item: T) => K): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const name = key(item);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [item]);
    else group.push(item);
  }
  return groups;
}
