/**
 * The search by learned masks: a Fisher probe drops what hardly matters, masks of all sizes are learned at once by
 * gradient, and the circuit is the smallest cut along their scores that holds the budget, less what re-ranking and
 * elimination can still take away.
 */
import { z } from "zod";
import { PithError } from "../../../errors.ts";
import { numberSchema } from "../../../number-schema.ts";
import { formatIndices } from "../../../transformer/index-runs.ts";
import type { StreamConstants } from "../../gates/gate-passes.ts";
import { requireNumbers } from "../../gates/require-numbers.ts";
import type { AdamState } from "../../masks/adam.ts";
import { cutAlong, firstUnits, type MaskHolds, orderOf, orderPerWeight } from "../../masks/cut-along.ts";
import { bestOfSize } from "../../masks/fit-weights.ts";
import { gatesOfMask, type Mask, maskedCost, unitValues } from "../../masks/gate-space.ts";
import {
  faultInReference,
  greedyEntrySchema,
  maskSearchShape,
  searchByMask,
} from "../../masks/mask-search.ts";
import type { FoundMask, MaskTools } from "../../masks/mask-tools.ts";
import { pruneFurther } from "../../masks/prune-further.ts";
import { type ScoreTraining, trainScores } from "../../masks/train-scores.ts";
import { boundOn } from "../greedy/greedy.ts";
import type { Search, SearchContext, SearchOutcome } from "../search.ts";
import { cutJointly } from "./joint.ts";
import { jointConstants } from "./joint-constants.ts";
import {
  batchOption,
  prefilterOption,
  rateOption,
  stepsOption,
  temperatureOption,
} from "./learned-options.ts";

const learnedSchema = z.strictObject({
  ...maskSearchShape,
  /** Steps of gradient descent. */
  steps: numberSchema(stepsOption.range).default(stepsOption.initial),
  /** Prompts of a step. */
  batch: numberSchema(batchOption.range).default(batchOption.initial),
  /** Adam's learning rate. */
  rate: numberSchema(rateOption.range).default(rateOption.initial),
  /** The temperature of the masks. */
  temperature: numberSchema(temperatureOption.range).default(temperatureOption.initial),
  /** The share of the body that a Fisher probe leaves. */
  prefilter: numberSchema(prefilterOption.range).default(prefilterOption.initial),
});

export type LearnedOptions = z.output<typeof learnedSchema>;

const numbers = z.array(z.number());
const scoresSchema = z.object({ values: numbers, first: numbers, second: numbers, steps: z.int().min(1) });
/** The units that are scored, as runs of indices: they are chosen by a probe, and scores mean nothing for others. */
const openSchema = z.object({ open: z.string() });
const entrySchema = z.union([
  greedyEntrySchema,
  openSchema,
  z.object({
    scores: scoresSchema,
    /** Of constants that are trained with them. */
    constants: scoresSchema.optional(),
  }),
]);
type LearnedEntry = z.output<typeof entrySchema>;

/** The state of the training is journaled each so many steps. */
const stepsPerEntry = 50;
/** About so many evaluations of circuits come after the training. */
const stepsAfter = 120;

export const learned: Search<LearnedOptions, LearnedEntry> = {
  name: "learned",
  schema: learnedSchema,
  target: "either",
  gates: true,
  joint: true,
  journal: {
    schema: entrySchema,
    firstFault(setting, options, entries) {
      const decisions = entries.flatMap((entry) => ("greedy" in entry ? [entry.greedy] : []));
      return faultInReference(setting, options, decisions) ?? faultInScores(options, entries);
    },
  },
  run,
  describe: ({ alpha, maxKl, steps }) => ({
    rule: "learned masks",
    decision: `A head or a neuron stays when masks that were learned for all sizes at once rank it above what the circuit can do without: its loss is the target's, or that of Algorithm 1 at α = ${alpha}`,
    bounds: boundOn(maxKl),
    manner: [`${steps} steps`],
  }),
};

function faultInScores({ steps }: LearnedOptions, entries: readonly LearnedEntry[]) {
  let before = 0;
  let open = false;
  for (const [index, entry] of entries.entries()) {
    if ("greedy" in entry) {
      if (open) return { index, why: "Algorithm 1 had ended before it" };
      continue;
    }
    if ("open" in entry) {
      if (open) return { index, why: "the components that are scored were named before it" };
      open = true;
      continue;
    }
    if (!open) return { index, why: "nothing before it names the components that are scored" };
    const { values, first, second, steps: taken } = entry.scores;
    if (taken <= before || taken > steps)
      return { index, why: `it is the state after ${taken} of ${steps} steps` };
    if (first.length !== values.length || second.length !== values.length)
      return { index, why: "its lists differ in length" };
    before = taken;
  }
  return undefined;
}

async function run(context: SearchContext<LearnedEntry>, options: LearnedOptions): Promise<SearchOutcome> {
  const { resume, onEntry } = context;
  return searchByMask({
    ...{ inputs: context, options, eliminates: true, steps: options.steps + stepsAfter },
    resume: resume.flatMap((entry) => ("greedy" in entry ? [entry.greedy] : [])),
    onDecision: (decision) => onEntry({ greedy: decision }),
    find: (tools) => findLearned(tools, context, options),
  });
}

async function findLearned(
  tools: MaskTools,
  context: SearchContext<LearnedEntry>,
  options: LearnedOptions,
): Promise<FoundMask> {
  const { model } = tools;
  const { costs } = model.space;
  const fisher = await fisherOrder(tools);
  const open = await prefilter(tools, fisher, options.prefilter);
  const openCosts = Float64Array.from(open, (at) => costs[at] ?? 0);
  /** A mask of all units from one of those that are open. */
  const spread = (own: Float64Array): Mask => {
    const mask = new Float64Array(costs.length);
    for (const [index, at] of open.entries()) mask[at] = own[index] ?? 0;
    return mask;
  };
  const named = formatIndices(open);
  const before = context.resume.find((entry) => "open" in entry);
  if (before === undefined) await context.onEntry({ open: named });
  else requireSame(before.open, named);
  const shares = await sharesOf(tools, fisher, openCosts, context.joint === true);
  const { scores, constants } = await train(tools, context, options, { open, openCosts, spread, shares });
  const own = orderOf(scores);
  return constants === undefined
    ? cutByScores(tools, { fisher, open, own })
    : cutJointly(tools, { order: own, costs: openCosts, spread, constants }, options.batch);
}

/** @param own the order of the open units, by their scores. */
async function cutByScores(
  tools: MaskTools,
  { fisher, open, own }: Readonly<Record<"fisher" | "open" | "own", readonly number[]>>,
): Promise<FoundMask> {
  const { model, budget, sample, seed, step } = tools;
  const { costs } = model.space;
  const ranked = own.map((index) => open[index] ?? Number.NaN);
  const chosen = new Set(open);
  // What the prefilter set aside comes last.
  const order = [...ranked, ...fisher.filter((at) => !chosen.has(at))];
  if (budget.kind === "size") {
    const cutTo = (size: number) => firstUnits(ranked, costs, size);
    return { mask: await bestOfSize(tools, budget.size, cutTo), order };
  }
  const holds: MaskHolds = (mask) => {
    step();
    return budget.holds(mask);
  };
  const cut = await cutAlong(ranked, costs, holds);
  return { mask: await pruneFurther(cut, budget.known, { model, holds, sample, seed }), order };
}

/** What is trained: the units that the prefilter left, and the sizes that are drawn. */
interface Candidates {
  readonly open: readonly number[];
  readonly openCosts: Float64Array;
  readonly spread: (own: Float64Array) => Mask;
  readonly shares: ScoreTraining["shares"];
}

/** @returns the candidates' scores, and the constants that were trained with them, if they were to be. */
async function train(
  tools: MaskTools,
  { joint, resume, onEntry }: SearchContext<LearnedEntry>,
  options: LearnedOptions,
  { open, openCosts, spread, shares }: Candidates,
): Promise<{ readonly scores: Float64Array; readonly constants: StreamConstants | undefined }> {
  const { gated, model, sets, seed, signal, step } = tools;
  const { space } = model;
  const last = resume.findLast((entry) => "scores" in entry);
  const constants = joint
    ? jointConstants(space.model, options.steps, last?.constants && stateOf(last.constants))
    : undefined;
  const scores = await trainScores(
    {
      ...{ costs: openCosts, prompts: sets.learning, seed, shares },
      ...{ steps: options.steps, batch: options.batch, rate: options.rate, temperature: options.temperature },
      async gradient(mask, prompts) {
        const { gradients, constants: slopes } = await gated.gradients(gatesOfMask(space, spread(mask)), {
          ...{ loss: "kl", of: space.kinds, prompts, constants: constants?.current(), signal },
        });
        if (slopes !== undefined) constants?.move(slopes);
        const all = unitValues(space, gradients);
        requireNumbers(all, "the gradient of the loss with respect to the masks");
        return Float64Array.from(open, (at) => all[at] ?? 0);
      },
      async onStep(state) {
        step();
        const { steps } = state;
        if (steps % stepsPerEntry !== 0 && steps !== options.steps) return;
        const beside = constants && { constants: recordOfState(constants.state()) };
        await onEntry({ scores: recordOfState(state), ...beside });
      },
    },
    last && stateOf(last.scores, open.length),
  );
  return { scores, constants: constants?.current() };
}

/** @throws PithError "options" where an interrupted run scored other units. */
function requireSame(before: string, now: string): void {
  if (before === now) return;
  throw new PithError(
    "options",
    "the interrupted search scored other components than its Fisher probe chooses now, on this machine.",
    { advice: "Go on where it was begun, or start anew without --resume." },
  );
}

/** How many probes estimate the Fisher diagonal. */
const probes = 2;

/** All units by the estimated loss per weight of replacing each alone in the whole model, the highest first. */
async function fisherOrder({ model, sample, seed }: MaskTools): Promise<readonly number[]> {
  const { costs } = model.space;
  const whole = costs.map(() => 1);
  const sums = new Float64Array(costs.length);
  for (let probe = 0; probe < probes; probe++) {
    const losses = await model.removalLosses(whole, sample, seed + probe);
    for (const [at, loss] of losses.entries()) sums[at] = (sums[at] ?? 0) + loss;
  }
  requireNumbers(sums, "the curvature of the loss with respect to the masks");
  return orderPerWeight(sums, costs);
}

/** The units that stay candidates, ascending: a share of the weights, or more where that is too little. */
async function prefilter(
  { model, budget }: MaskTools,
  order: readonly number[],
  share: number,
): Promise<readonly number[]> {
  const { costs } = model.space;
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  const unitsOf = (mask: Mask) => [...mask.keys()].filter((at) => mask[at] === 1);
  for (const wider of [share, (1 + share) / 2]) {
    const mask = firstUnits(order, costs, wider * total);
    const enough =
      budget.kind === "size"
        ? maskedCost(model.space, mask) >= headroom * roomFor(budget.size, model)
        : await budget.holds(mask);
    if (enough) return unitsOf(mask);
  }
  return [...costs.keys()];
}

/** The weights that candidates may have where the body may have `size`: some of it can't go. */
function roomFor(size: number, { space }: MaskTools["model"]): number {
  return Math.max(0, size - space.fixed);
}

/** A size is searched for among candidates of so many times its weights. */
const headroom = 2;

/**
 * Sizes are drawn from far below a circuit that is known to hold the budget up to nearly that circuit, or around the
 * size that is asked for.
 */
async function sharesOf(
  { budget, model }: MaskTools,
  order: readonly number[],
  openCosts: Float64Array,
  joint: boolean,
): Promise<ScoreTraining["shares"]> {
  const total = openCosts.reduce((sum, cost) => sum + cost, 0);
  if (budget.kind === "size") {
    const share = roomFor(budget.size, model) / total;
    return { least: Math.min(1, 0.4 * share), most: Math.min(1, 1.6 * share) };
  }
  const known = budget.known ?? (await cutAlong(order, model.space.costs, budget.holds));
  const share = Math.min(1, maskedCost(model.space, known) / total);
  // Constants that fit make up for much of what is missing, so their circuits are smaller by half.
  return joint
    ? { least: 0.04 * share, most: Math.max(0.08, 0.4 * share) }
    : { least: 0.08 * share, most: Math.max(0.15, 0.9 * share) };
}

function recordOfState({ values, first, second, steps }: AdamState): z.output<typeof scoresSchema> {
  return { values: [...values], first: [...first], second: [...second], steps };
}

/** @throws RangeError if the state is of another number of units; left out: of any. */
function stateOf(record: z.output<typeof scoresSchema>, units = record.values.length): AdamState {
  if (record.values.length !== units) throw new RangeError("the journal's scores are of other units");
  const { values, first, second, steps } = record;
  return {
    ...{ values: Float64Array.from(values), steps },
    ...{ first: Float64Array.from(first), second: Float64Array.from(second) },
  };
}
