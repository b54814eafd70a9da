/**
 * Compares two kinds of circuits that differ both in size and in KL. Of each kind only those count that no smaller one
 * beats in KL; between two of them the size is interpolated by the logarithm of KL.
 */

export interface SizedCircuit {
  /** In nats. */
  readonly kl: number;
  /** In parameters. */
  readonly size: number;
}

export interface SizesAtKl {
  /** In nats: that of a circuit of either kind. */
  readonly kl: number;
  readonly first: number;
  readonly second: number;
}

/** @returns for each KL of the two fronts that both of them cover, ascending. */
export function sizesAtEqualKl(
  first: readonly SizedCircuit[],
  second: readonly SizedCircuit[],
): readonly SizesAtKl[] {
  const fronts = [front(first), front(second)] as const;
  const kls = [...new Set(fronts.flat().map(({ kl }) => kl))].sort((a, b) => a - b);
  return kls.flatMap((kl) => {
    const [one, other] = [sizeAt(fronts[0], kl), sizeAt(fronts[1], kl)];
    return one === undefined || other === undefined ? [] : [{ kl, first: one, second: other }];
  });
}

/** Ascending by KL, descending by size. */
function front(circuits: readonly SizedCircuit[]): readonly SizedCircuit[] {
  const sorted = circuits.toSorted((a, b) => a.kl - b.kl || a.size - b.size);
  let smallest = Number.POSITIVE_INFINITY;
  return sorted.filter(({ size }) => {
    const isSmaller = size < smallest;
    smallest = Math.min(smallest, size);
    return isSmaller;
  });
}

function sizeAt(circuits: readonly SizedCircuit[], kl: number): number | undefined {
  const above = circuits.findIndex((circuit) => circuit.kl >= kl);
  const [low, high] = [circuits[above - 1], circuits[above]];
  if (high === undefined) return undefined;
  if (high.kl === kl) return high.size;
  if (low === undefined) return undefined;
  const part = Math.log(kl / low.kl) / Math.log(high.kl / low.kl);
  return low.size + part * (high.size - low.size);
}
