/** Algorithm 1 with later passes, as an entry of the registry. */
import { z } from "zod";
import { numberSchema } from "../../../number-schema.ts";
import { unitsOnTrial } from "../../search-units.ts";
import { faultInDecisions } from "../../searches/greedy/check-decisions.ts";
import type { Decision } from "../decision.ts";
import type { Search, SearchContext, SearchDescription, SearchOutcome } from "../search.ts";
import { alphaOption, maxKlOption, orderOption, passesOption } from "./greedy-options.ts";
import { searchInPasses } from "./passes.ts";

export const greedySchema = z.strictObject({
  /** A component is pruned if KL grows by less than this when it is replaced; nats. */
  alpha: numberSchema(alphaOption.range).default(alphaOption.initial),
  /** A component is kept if pruning it would take KL above this; nats. */
  maxKl: numberSchema(maxKlOption.range).optional(),
  /** Kept components are tried again until nothing changes, in at most this many passes. */
  passes: numberSchema(passesOption.range).default(passesOption.initial),
  order: z
    .enum(orderOption.values, { error: `must be ${orderOption.values.join(" or ")}` })
    .default(orderOption.initial),
  /** A candidate that is certainly kept is not tried on all prompts; its KL in the trace is a lower bound. Left out: no. */
  earlyExit: z.boolean().optional(),
});

export type GreedyOptions = z.output<typeof greedySchema>;

export const decisionSchema: z.ZodType<Decision> = z.object({
  layer: z.int().min(0),
  component: z.string(),
  also: z.array(z.string()).min(1).optional(),
  kl: z.number(),
  delta: z.number(),
  pruned: z.boolean(),
  atLeast: z.literal(true).optional(),
  pass: z.int().min(2).optional(),
});

export const greedy: Search<GreedyOptions, Decision> = {
  name: "greedy",
  schema: greedySchema,
  target: "none",
  journal: {
    schema: decisionSchema,
    firstFault: ({ model, mlps, units }, options, decisions) =>
      faultInDecisions(model, { ...options, mlps, units }, decisions),
  },
  run,
  describe,
};

/** Options of circuit.json, as they were checked when it was read. @returns undefined for another search. */
export function greedyOptionsOf(search: {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
}): GreedyOptions | undefined {
  return search.name === greedy.name ? greedySchema.parse(search.options) : undefined;
}

function describe({ alpha, maxKl, passes, order, earlyExit }: GreedyOptions): SearchDescription {
  const bound = maxKl === undefined ? "" : ` and leaves KL at ${maxKl} nats or less`;
  return {
    rule: `α = ${alpha}`,
    decision: `A component is pruned when replacing it adds less than α = ${alpha} nats${bound}`,
    bounds: [...boundOn(maxKl), ...(passes === 1 ? [] : [`${passes} passes at most`])],
    manner: [`${order} order`, ...(earlyExit ? ["early exit"] : [])],
  };
}

/** A bound on KL in words, if there is one. */
export function boundOn(maxKl: number | undefined): readonly string[] {
  return maxKl === undefined ? [] : [`KL ≤ ${maxKl} nats`];
}

async function run(
  { model, evaluator, mlps, units, signal, resume, onEntry, onEvent }: SearchContext<Decision>,
  options: GreedyOptions,
): Promise<SearchOutcome> {
  const rule = { ...options, mlps, units };
  onEvent({ kind: "begin", candidates: unitsOnTrial(model, rule).length, resumed: resume });
  return searchInPasses(evaluator, model, {
    ...{ ...rule, signal, resume },
    async onDecision(decision, done, total) {
      await onEntry(decision);
      onEvent({ kind: "decision", decision, done, total });
    },
  });
}
