/**
 * The speed limit of a model (Williams et al. 2009, "Roofline"): its operations can't be faster than the
 * machine's matrix products, nor its bytes faster than the machine's memory.
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

/** The least number of seconds for the work. */
export function leastSeconds({ flops, bytes }: Work, { compute, bandwidth }: Rates): number {
  return Math.max(flops / compute, bytes / bandwidth);
}

/** The memory rate for a working set: the one measured at the nearest size, by ratio. */
export function bandwidthFor(
  bytes: number,
  measured: readonly { readonly bytes: number; readonly rate: number }[],
): number {
  const distance = (each: { readonly bytes: number }) => Math.abs(Math.log(each.bytes / bytes));
  const [first, ...others] = measured;
  if (first === undefined) throw new RangeError("no bandwidth was measured");
  return others.reduce((best, each) => (distance(each) < distance(best) ? each : best), first).rate;
}
