/**
 * What searches by masks have in common: they open the gated model, divide its prompts, learn what a circuit may cost,
 * and make a circuit of the mask that a method finds. Such a search makes no decisions on single components, so its
 * trace is empty.
 */
import { z } from "zod";
import { numberSchema } from "../../number-schema.ts";
import { circuitSize } from "../../transformer/circuit-size.ts";
import { mean } from "../mean.ts";
import { singleComponents } from "../search-units.ts";
import type { Decision } from "../searches/decision.ts";
import { faultInDecisions } from "../searches/greedy/check-decisions.ts";
import { decisionSchema } from "../searches/greedy/greedy.ts";
import { alphaOption, maxKlOption } from "../searches/greedy/greedy-options.ts";
import type { MetTarget, SearchInputs, SearchJournal, SearchOutcome } from "../searches/search.ts";
import { type Assessment, createAssessor } from "../searches/target/assess.ts";
import type { StepFault } from "../step-fault.ts";
import type { MaskHolds } from "./cut-along.ts";
import { cutsOfSizes } from "./cuts-of-sizes.ts";
import { circuitOfMask, gateSpaceOf } from "./gate-space.ts";
import { type MaskBudget, openBudget } from "./mask-budget.ts";
import { maskModelOf } from "./mask-model.ts";
import type { FoundMask, MaskTools } from "./mask-tools.ts";
import { promptSets, validationOf } from "./prompt-sets.ts";

/** The options that all searches by masks have. */
export const maskSearchShape = {
  /** Without a target, a circuit must be as faithful as that of Algorithm 1 at this α; nats. */
  alpha: numberSchema(alphaOption.range).default(alphaOption.initial),
  /** In addition to an accuracy: the largest KL, in nats. */
  maxKl: numberSchema(maxKlOption.range).optional(),
};

const maskSearchSchema = z.object(maskSearchShape);
export type MaskSearchOptions = z.output<typeof maskSearchSchema>;

export interface MaskSearchRun {
  readonly inputs: SearchInputs;
  readonly options: MaskSearchOptions;
  /** Decisions of Algorithm 1 in an interrupted run. */
  readonly resume: readonly Decision[];
  readonly onDecision: (decision: Decision) => Promise<void>;
  /** Whether the method ends, where a loss is the budget, with nothing that can go: no head, and no block of neurons. */
  readonly eliminates: boolean;
  /** How many steps the method will take, as far as that is known. */
  readonly steps: number;
  readonly find: (tools: MaskTools) => Promise<FoundMask>;
}

const sampleOf = 3;

/** @throws PithError "options" for a target that no circuit is likely to meet. */
export async function searchByMask({
  inputs,
  options,
  resume,
  onDecision,
  eliminates,
  steps,
  find,
}: MaskSearchRun): Promise<SearchOutcome> {
  const { model, evaluator, mlps, units = singleComponents, isRight, signal, target, seed } = inputs;
  if (inputs.openGates === undefined) throw new RangeError("a search by gates needs a gated model");
  const { gated, engine } = await inputs.openGates();
  try {
    const space = gateSpaceOf(model, { units, mlps });
    const mask = maskModelOf(gated, space, { loss: "kl", signal });
    const sets = promptSets(gated, "kl");
    let evaluations = 0;
    let done = 0;
    const step = () => inputs.onEvent({ kind: "progress", done: ++done, total: Math.max(done, steps) });
    const budget = counting(
      await openBudget({
        ...{ inputs, gated, mask, sets, resume, onDecision },
        ...{ alpha: options.alpha, maxKl: options.maxKl },
      }),
      () => evaluations++,
    );
    const sample = sets.learning.filter((_, at) => at % sampleOf === 0);
    const found = await find({
      ...{ gated, engine, replacements: inputs.replacements, model: mask },
      ...{ sets, sample, budget, seed, signal, step },
    });
    const { order, constants } = found;
    const circuit = circuitOfMask(space, found.mask);
    const assessor = createAssessor(evaluator, isRight, [], undefined, signal);
    const plain = await assessor.assess(circuit);
    const { kl, accuracy }: Assessment =
      constants === undefined
        ? plain
        : { kl: mean(await mask.losses(found.mask, validationOf(gated), constants)) };
    const cuts = inputs.cuts && order && (await cutsOfSizes(order, { model: mask, step }, assessor));
    const met: MetTarget = {
      reached: {
        kl,
        size: circuitSize(model, circuit) / space.body,
        ...(accuracy !== undefined && { accuracy }),
      },
      ...{ original: {}, evaluations, candidates: space.units.length, tried: [] },
      settled: eliminates && budget.kind === "loss",
    };
    return {
      ...{ circuit, trace: [], kl },
      ...(target !== undefined && { met }),
      ...(constants && { constants }),
      ...(cuts && { cuts }),
    };
  } finally {
    await gated.close();
  }
}

function counting(budget: MaskBudget, count: () => void): MaskBudget {
  if (budget.kind === "size") return budget;
  const holds: MaskHolds = (mask, constants) => {
    count();
    return budget.holds(mask, constants);
  };
  return { ...budget, holds };
}

/** An entry of the journal of a search by masks: a decision of Algorithm 1, which says what a circuit may cost. */
export const greedyEntrySchema = z.object({ greedy: decisionSchema });
export type GreedyEntry = z.output<typeof greedyEntrySchema>;

/** The journal of a search that keeps nothing but these decisions. */
export const greedyJournal: SearchJournal<MaskSearchOptions, GreedyEntry> = {
  schema: greedyEntrySchema,
  firstFault: (setting, options, entries) =>
    faultInReference(
      setting,
      options,
      entries.map(({ greedy }) => greedy),
    ),
};

/** Checks journaled decisions of Algorithm 1 at the search's α. */
export function faultInReference(
  { model, mlps, target }: Pick<SearchInputs, "model" | "mlps" | "target">,
  { alpha }: MaskSearchOptions,
  decisions: readonly Decision[],
): StepFault | undefined {
  if (target !== undefined)
    return decisions.length > 0 ? { index: 0, why: "a target needs no decisions of Algorithm 1" } : undefined;
  return faultInDecisions(model, { alpha, maxKl: undefined, mlps, order: "published", passes: 1 }, decisions);
}
