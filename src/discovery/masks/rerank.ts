/**
 * Prunes by ranking again and again: of what is kept, the units that are estimated to add the least loss per weight
 * go, a share of the weights at a time; where the rest is not good enough, half of that share is tried. Ranking again
 * sees what a single ranking can't: a component that was a spare becomes needed when what it stood in for is gone.
 */

import { requireNumbers } from "../gates/require-numbers.ts";
import { firstUnits, type MaskHolds, orderPerWeight } from "./cut-along.ts";
import { type Mask, maskedCost } from "./gate-space.ts";
import type { MaskModel } from "./mask-model.ts";

/** The first share of the weights that goes at once, and the last one. */
export const reranking = { share: 0.12, leastShare: 0.01 };

export interface RerankOptions {
  /** The prompts that the estimates come from. */
  readonly prompts: readonly number[];
  readonly holds: MaskHolds;
  /** The first share of the kept weights to go. */
  readonly share: number;
  /** It ends when a share of less than this is not good enough either. */
  readonly leastShare: number;
  readonly seed: number;
}

/** @param start a circuit that is good enough. */
export async function pruneByReranking(start: Mask, model: MaskModel, options: RerankOptions): Promise<Mask> {
  const { costs } = model.space;
  const { prompts, holds, leastShare, seed } = options;
  let mask = start;
  let { share } = options;
  for (let step = 0; share >= leastShare; step++) {
    const order = await keptOrder(mask, model, prompts, seed + step);
    const kept = maskedCost(model.space, mask);
    let smaller: Mask | undefined;
    while (smaller === undefined && share >= leastShare) {
      const rest = firstUnits(order, costs, kept * (1 - share));
      if (maskedCost(model.space, rest) < kept && (await holds(rest))) smaller = rest;
      else share /= 2;
    }
    if (smaller === undefined) break;
    mask = smaller;
  }
  return mask;
}

/** Takes the same steps until what is left costs no more than `size`. */
export async function rerankToSize(
  start: Mask,
  model: MaskModel,
  size: number,
  { prompts, seed }: Pick<RerankOptions, "prompts" | "seed">,
): Promise<Mask> {
  let mask = start;
  for (let step = 0; ; step++) {
    const kept = maskedCost(model.space, mask);
    // A size below 0 by rounding is met by nothing.
    if (kept <= Math.max(0, size)) return mask;
    const order = await keptOrder(mask, model, prompts, seed + step);
    const next = Math.max(size, kept * (1 - reranking.share));
    const rest = firstUnits(order, model.space.costs, next);
    // Where the last unit in the order alone is larger than the step, it goes by itself.
    mask =
      maskedCost(model.space, rest) < kept
        ? rest
        : rest.map((value, at) => (at === order.at(-1) ? 0 : value));
  }
}

/** The units that a mask keeps, by the estimated loss per weight of leaving each out, the highest first. */
export async function keptOrder(
  mask: Mask,
  model: MaskModel,
  prompts: readonly number[],
  seed: number,
): Promise<readonly number[]> {
  const losses = await model.removalLosses(mask, prompts, seed);
  requireNumbers(losses, "the estimated loss of leaving a component out");
  return orderPerWeight(losses, model.space.costs).filter((at) => mask[at] === 1);
}
