/** Algorithm 1 with later passes, as the registry lists it. */
import { z } from "zod";
import { numberSchema } from "../../../number-schema.ts";
import { faultInDecisions } from "../../check-resumed.ts";
import type { Search, SearchContext, SearchOutcome } from "../search.ts";
import { alphaOption, maxKlOption, orderOption, passesOption } from "./greedy-options.ts";
import { searchInPasses } from "./passes.ts";
import { candidates, type Decision } from "./search.ts";

export const greedySchema = z.strictObject({
  /** A component goes if KL grows by less than this when it is replaced; nats. */
  alpha: numberSchema(alphaOption.range).default(alphaOption.initial),
  /** Nothing is pruned whose KL would be above this; nats. */
  maxKl: numberSchema(maxKlOption.range).optional(),
  /** What was kept is tried again until nothing changes, in so many passes at most. */
  passes: numberSchema(passesOption.range).default(passesOption.initial),
  order: z
    .enum(orderOption.values, { error: `must be ${orderOption.values.join(" or ")}` })
    .default(orderOption.initial),
});

export type GreedyOptions = z.output<typeof greedySchema>;

const decisionSchema: z.ZodType<Decision> = z.object({
  layer: z.int().min(0),
  component: z.string(),
  kl: z.number(),
  delta: z.number(),
  pruned: z.boolean(),
  pass: z.int().min(2).optional(),
});

export const greedy: Search<GreedyOptions, Decision> = {
  name: "greedy",
  schema: greedySchema,
  target: "none",
  journal: {
    schema: decisionSchema,
    firstFault: ({ model, mlps }, options, decisions) =>
      faultInDecisions(model, { ...options, mlps }, decisions),
  },
  run,
  describe: ({ alpha }) => `α = ${alpha}`,
};

async function run(
  { model, evaluator, mlps, signal, resume, onEntry, onEvent }: SearchContext<Decision>,
  options: GreedyOptions,
): Promise<SearchOutcome> {
  const rule = { ...options, mlps };
  onEvent({ kind: "begin", candidates: candidates(model, rule).length, resumed: resume });
  return searchInPasses(evaluator, model, {
    ...{ ...rule, signal, resume },
    async onDecision(decision, done, total) {
      await onEntry(decision);
      onEvent({ kind: "decision", decision, done, total });
    },
  });
}
