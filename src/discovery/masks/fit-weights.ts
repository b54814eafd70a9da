/** Circuits of a given size: the best of what fits, by its loss on the validation and the held-out prompts. */
import { circuitSize } from "../../transformer/circuit-size.ts";
import { mean } from "../mean.ts";
import { circuitOfMask, type Mask } from "./gate-space.ts";
import type { MaskTools } from "./mask-tools.ts";
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
  const room = size - space.fixed;
  const direct = await largestOfSize(tools, size, cut);
  const fits = (mask: Mask) => circuitSize(space.model, circuitOfMask(space, mask)) <= size;
  const ranked = await rerankToSize(cut(larger * room), model, room, { prompts: sample, seed });
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
 * @param cut may go on from what it gave before, since it is asked for fewer weights each time.
 */
export async function largestOfSize(
  { model: { space } }: Pick<MaskTools, "model">,
  size: number,
  cut: (weights: number) => Mask | Promise<Mask>,
): Promise<Mask> {
  let weights = size - space.fixed;
  for (;;) {
    const mask = await cut(weights);
    const over = circuitSize(space.model, circuitOfMask(space, mask)) - size;
    if (over <= 0 || weights <= 0) return mask;
    weights -= over;
  }
}
