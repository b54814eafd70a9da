/** What re-ranking and elimination can still take from a circuit that holds a budget. */
import type { MaskHolds } from "./cut-along.ts";
import { eliminateUnits } from "./eliminate-units.ts";
import { type Mask, maskedCost } from "./gate-space.ts";
import type { MaskModel } from "./mask-model.ts";
import { pruneByReranking, reranking } from "./rerank.ts";

export interface PruneFurtherOptions {
  readonly model: MaskModel;
  readonly holds: MaskHolds;
  /** The prompts that estimates come from. */
  readonly sample: readonly number[];
  readonly seed: number;
  /** The first share of the weights that goes at once. */
  readonly share?: number;
}

/**
 * @param found a circuit that holds.
 * @param known another one that is known to hold: where it is the smaller one, the search goes on from there.
 */
export async function pruneFurther(
  found: Mask,
  known: Mask | undefined,
  { model, holds, sample: prompts, seed, share = reranking.share }: PruneFurtherOptions,
): Promise<Mask> {
  const prune = async (start: Mask) => {
    const ranked = await pruneByReranking(start, model, { ...reranking, share, prompts, holds, seed });
    return eliminateUnits(ranked, model, { prompts, holds, seed });
  };
  const first = await prune(found);
  if (known === undefined || maskedCost(model.space, first) <= maskedCost(model.space, known)) return first;
  return prune(known);
}
