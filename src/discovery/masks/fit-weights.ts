/** Circuits of a given size: the best of what fits, by its loss on the validation and the held-out prompts. */
import { circuitSize } from "../../transformer/circuit-size.ts";
import { mean } from "../mean.ts";
import { circuitOfMask, type Mask } from "./gate-space.ts";
import type { MaskTools } from "./mask-search.ts";
import { rerankToSize } from "./rerank.ts";

/** A larger cut, of so many times the weights, is ranked again until it fits. */
const larger = 1.5;

/** @param size weights of the body. @param cut a circuit whose candidates cost no more than so many weights. */
export async function bestOfSize(
  tools: Pick<MaskTools, "model" | "sets" | "sample" | "seed">,
  size: number,
  cut: (weights: number) => Mask,
): Promise<Mask> {
  const { model, sets, sample, seed } = tools;
  const { space } = model;
  const always = space.body - space.costs.reduce((sum, cost) => sum + cost, 0);
  const direct = largestOfSize(tools, size, cut);
  const fits = (mask: Mask) => circuitSize(space.model, circuitOfMask(space, mask)) <= size;
  const ranked = await rerankToSize(cut(larger * (size - always)), model, size - always, {
    prompts: sample,
    seed,
  });
  const prompts = [...sets.held, ...sets.validation];
  const losses = await Promise.all(
    [direct, ranked]
      .filter(fits)
      .map(async (mask) => ({ mask, loss: mean(await model.losses(mask, prompts)) })),
  );
  losses.sort((one, other) => one.loss - other.loss);
  return losses[0]?.mask ?? direct;
}

/**
 * The largest cut whose circuit is no larger than `size`. Heads may share weights, which stay until the last of them
 * goes; so a circuit may have more weights than its components cost.
 */
export function largestOfSize(
  { model: { space } }: Pick<MaskTools, "model">,
  size: number,
  cut: (weights: number) => Mask,
): Mask {
  let weights = size - (space.body - space.costs.reduce((sum, cost) => sum + cost, 0));
  for (;;) {
    const mask = cut(weights);
    const over = circuitSize(space.model, circuitOfMask(space, mask)) - size;
    if (over <= 0 || weights <= 0) return mask;
    weights -= over;
  }
}
