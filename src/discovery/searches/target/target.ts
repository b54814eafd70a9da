/** The search for the smallest circuit that meets a target, as an entry of the registry. */
import { z } from "zod";
import { countKept } from "../../../transformer/circuit.ts";
import { boundOn, greedySchema } from "../greedy/greedy.ts";
import type { MetTarget, Search, SearchContext, SearchOutcome } from "../search.ts";
import { faultInTarget, searchForTarget, type TargetEntry, type TargetResult } from "./search-for-target.ts";

/** Without α and passes: the search chooses its own thresholds, and ends when no change helps. */
const targetSchema = greedySchema.pick({ maxKl: true, order: true });

export type TargetSearchOptions = z.output<typeof targetSchema>;

const entrySchema: z.ZodType<TargetEntry> = z.union([
  z.object({ path: z.string(), layer: z.int().min(0), component: z.string(), kl: z.number() }),
  z.object({ circuit: z.string(), kl: z.number(), accuracy: z.number().optional() }),
]);

export const target: Search<TargetSearchOptions, TargetEntry> = {
  name: "target",
  schema: targetSchema,
  target: "needed",
  journal: {
    schema: entrySchema,
    firstFault: ({ model, mlps, target: wanted }, { order, maxKl }, entries) =>
      wanted && faultInTarget(model, { target: wanted, mlps, order, maxKl }, entries),
  },
  run,
  describe: ({ maxKl, order }) => ({
    rule: "what holds a target",
    decision: "A component stays out if the target still holds without it",
    bounds: boundOn(maxKl),
    manner: [`${order} order`],
  }),
};

async function run(
  context: SearchContext<TargetEntry>,
  { order, maxKl }: TargetSearchOptions,
): Promise<SearchOutcome> {
  const { model, evaluator, mlps, isRight, signal, resume, onEntry, onEvent } = context;
  if (context.target === undefined) throw new RangeError("a search for a target needs one");
  let done = resume.length;
  const result = await searchForTarget(evaluator, model, {
    ...{ target: context.target, mlps, order, maxKl, isRight, signal, resume },
    onEvaluation: async (entry, _, most) => {
      await onEntry(entry);
      onEvent({ kind: "progress", done: ++done, total: most });
    },
  });
  const { circuit, trace, kl } = result;
  return { circuit, trace, kl, met: metTarget(result) };
}

function metTarget({ kl, accuracy, size, alpha, leastAlpha, ...result }: TargetResult): MetTarget {
  const { evaluations, candidates, settled, tried } = result;
  const original = tried.find((each) => each.alpha === undefined);
  return {
    reached: { kl, size, ...(accuracy !== undefined && { accuracy }) },
    original: { ...(original?.accuracy !== undefined && { accuracy: original.accuracy }) },
    ...{ evaluations, candidates },
    ...(alpha === undefined ? { leastAlpha } : { alpha }),
    settled,
    tried: tried.flatMap((each) => {
      if (each.alpha === undefined) return [];
      const { head: heads, mlp: mlps } = countKept(each.circuit);
      const right = each.accuracy !== undefined && { accuracy: each.accuracy };
      return [{ alpha: each.alpha, heads, mlps, size: each.size, kl: each.kl, ...right, holds: each.holds }];
    }),
  };
}
