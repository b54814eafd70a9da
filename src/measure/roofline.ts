/**
 * How fast a model could be (Williams et al. 2009, "Roofline"): no faster than its operations at the rate of the
 * machine's matrix products, and no faster than its bytes at the rate of its memory.
 */

export interface Work {
  readonly flops: number;
  readonly bytes: number;
}

export interface Rates {
  /** FLOP/s. */
  readonly compute: number;
  /** Bytes/s. */
  readonly bandwidth: number;
}

/** Seconds that the work takes at the least. */
export function leastSeconds({ flops, bytes }: Work, { compute, bandwidth }: Rates): number {
  return Math.max(flops / compute, bytes / bandwidth);
}

/** The rate for a working set: the one measured at the nearest size, by ratio. */
export function bandwidthFor(
  bytes: number,
  measured: readonly { readonly bytes: number; readonly rate: number }[],
): number {
  const distance = (each: { readonly bytes: number }) => Math.abs(Math.log(each.bytes / bytes));
  const [first, ...others] = measured;
  if (first === undefined) throw new RangeError("no bandwidth was measured");
  return others.reduce((best, each) => (distance(each) < distance(best) ? each : best), first).rate;
}
