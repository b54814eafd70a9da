/**
 * The search by re-ranking: what is estimated to cost the least loss per weight goes, a share at a time, and the rest
 * is ranked again. It learns nothing, and so it takes seconds; but it starts from the whole model, where spare
 * components look useless, and may so end in larger circuits than learned masks do.
 */
import { z } from "zod";
import type { NumberRange } from "../../../number-range.ts";
import { numberSchema } from "../../../number-schema.ts";
import { largestOfSize } from "../../masks/fit-weights.ts";
import type { Mask } from "../../masks/gate-space.ts";
import { type GreedyEntry, greedyJournal, maskSearchShape, searchByMask } from "../../masks/mask-search.ts";
import type { MaskTools } from "../../masks/mask-tools.ts";
import { pruneFurther } from "../../masks/prune-further.ts";
import { reranking, rerankToSize } from "../../masks/rerank.ts";
import { boundOn } from "../greedy/greedy.ts";
import type { Search } from "../search.ts";

const shareRange: NumberRange = { above: 0, most: 0.9, wanted: "a share above 0 and up to 0.9" };

const iterativeSchema = z.strictObject({
  ...maskSearchShape,
  /** The share of the kept weights that goes at once, before it is halved. */
  share: numberSchema(shareRange).default(reranking.share),
});

export type IterativeOptions = z.output<typeof iterativeSchema>;

/** About so many evaluations of circuits. */
const stepsExpected = 100;

export const iterative: Search<IterativeOptions, GreedyEntry> = {
  name: "iterative",
  schema: iterativeSchema,
  target: "either",
  gates: true,
  journal: greedyJournal,
  run: (context, options) =>
    searchByMask({
      ...{ inputs: context, options, eliminates: true, steps: stepsExpected },
      resume: context.resume.map(({ greedy }) => greedy),
      onDecision: (greedy) => context.onEntry({ greedy }),
      find: async (tools) => ({ mask: await findIterative(tools, options) }),
    }),
  describe: ({ alpha, maxKl, share }) => ({
    rule: "re-ranked per weight",
    decision: `A head or a neuron is pruned when it adds the least loss per weight, by a ranking that is made anew after every ${Math.round(100 * share)} % of the weights, until the loss is the target's, or that of Algorithm 1 at α = ${alpha}`,
    bounds: boundOn(maxKl),
  }),
};

async function findIterative(
  { model, budget, sample: prompts, seed, step }: MaskTools,
  { share }: IterativeOptions,
): Promise<Mask> {
  const whole = model.space.costs.map(() => 1);
  if (budget.kind === "size") {
    let mask: Mask = whole;
    return largestOfSize({ model }, budget.size, async (weights) => {
      mask = await rerankToSize(mask, model, weights, { prompts, seed });
      return mask;
    });
  }
  const holds = (mask: Mask) => {
    step();
    return budget.holds(mask);
  };
  return pruneFurther(whole, budget.known, { model, holds, sample: prompts, seed, share });
}
