/** How well two scorings of the same things agree in their order. */

/**
 * Spearman's rank correlation, from −1 to 1: the correlation of ranks, with equal values sharing the mean of theirs.
 * Undefined where one of them has no order at all, or there are fewer than two values.
 */
export function rankCorrelation(one: readonly number[], other: readonly number[]): number | undefined {
  if (one.length !== other.length) throw new RangeError(`${one.length} and ${other.length} values`);
  const [x, y] = [centred(ranksOf(one)), centred(ranksOf(other))];
  const product = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
  const spread = Math.sqrt(product(x, x) * product(y, y));
  return spread > 0 ? product(x, y) / spread : undefined;
}

function ranksOf(values: readonly number[]): readonly number[] {
  const order = [...values.keys()].sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
  const ranks = new Array<number>(values.length).fill(0);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end] ?? -1] === values[order[start] ?? -1]) end++;
    for (const place of order.slice(start, end)) ranks[place] = (start + end - 1) / 2;
    start = end;
  }
  return ranks;
}

function centred(values: readonly number[]): readonly number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => value - mean);
}
