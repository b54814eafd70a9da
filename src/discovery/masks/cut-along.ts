/**
 * Cuts along an order of the units: the smallest circuit of its first ones that is good enough. A loss does not fall
 * evenly along an order, so sizes below the one that bisection finds are tried too.
 */
import type { StreamConstants } from "../gates/gate-passes.ts";
import type { Mask } from "./gate-space.ts";

/** @param constants vectors that are added to the stream beside the means; left out: none. */
export type MaskHolds = (mask: Mask, constants?: StreamConstants) => Promise<boolean>;

/** Bisection ends when the sizes between which it looks differ by less than this share of all candidates. */
const finest = 1 / 512;
/** Shares of the size that bisection found, which are tried after it. */
const scanned: readonly number[] = [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95];

/** The units from the one of the highest value to the one of the lowest; of equal ones, the first comes first. */
export function orderOf(values: Float64Array): readonly number[] {
  return [...values.keys()].sort((one, other) => (values[other] ?? 0) - (values[one] ?? 0) || one - other);
}

/** The same by value per weight: of what is worth as much, the lighter one comes first. */
export function orderPerWeight(values: Float64Array, costs: Float64Array): readonly number[] {
  return orderOf(values.map((value, at) => value / (costs[at] ?? 1)));
}

/** The mask of the first units of an order that cost no more than `size` together. */
export function firstUnits(order: readonly number[], costs: Float64Array, size: number): Mask {
  const mask = new Float64Array(costs.length);
  let left = size;
  for (const at of order) {
    left -= costs[at] ?? 0;
    if (left < 0) break;
    mask[at] = 1;
  }
  return mask;
}

/** @param holds whether a circuit is good enough; a circuit of all units is taken to be. */
export async function cutAlong(
  order: readonly number[],
  costs: Float64Array,
  holds: MaskHolds,
): Promise<Mask> {
  const total = order.reduce((sum, at) => sum + (costs[at] ?? 0), 0);
  let [low, high] = [0, total];
  let best = firstUnits(order, costs, Number.POSITIVE_INFINITY);
  const tryAt = async (size: number): Promise<boolean> => {
    const mask = firstUnits(order, costs, size);
    const good = await holds(mask);
    if (good) best = mask;
    return good;
  };
  if (await tryAt(0)) return best;
  while (high - low > finest * total) {
    // Sizes lie closer together where they are small.
    const middle = low > 0 ? Math.sqrt(low * high) : high / 4;
    if (middle < finest * total) break;
    if (await tryAt(middle)) high = middle;
    else low = middle;
  }
  for (const share of scanned) if (await tryAt(share * high)) break;
  return best;
}
