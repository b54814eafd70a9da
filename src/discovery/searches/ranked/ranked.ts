/**
 * The search along a ranking: all components are scored once, by any ranking of the registry, and the circuit is the
 * smallest cut along the scores per weight that holds the budget. It is the cheapest search, and as good as its
 * ranking.
 */
import { z } from "zod";
import { PithError } from "../../../errors.ts";
import type { Loss } from "../../../lowering/loss-stages.ts";
import { requireNumbers } from "../../gates/require-numbers.ts";
import { cutAlong, firstUnits, orderPerWeight } from "../../masks/cut-along.ts";
import { largestOfSize } from "../../masks/fit-weights.ts";
import { gateSpaceOf, unitValues } from "../../masks/gate-space.ts";
import { type GreedyEntry, greedyJournal, maskSearchShape, searchByMask } from "../../masks/mask-search.ts";
import type { FoundMask, MaskTools } from "../../masks/mask-tools.ts";
import { promptSets } from "../../masks/prompt-sets.ts";
import { rankingNamed, rankings } from "../../rankings/index.ts";
import type { Ranking } from "../../rankings/ranking.ts";
import { singleComponents } from "../../search-units.ts";
import { boundOn } from "../greedy/greedy.ts";
import type { Search, SearchInputs } from "../search.ts";

const rankingNames = rankings.map(({ name }) => name);

const rankedSchema = z.strictObject({
  ...maskSearchShape,
  /** The ranking, by its name. */
  ranking: z.enum(rankingNames, { error: `must be one of ${rankingNames.join(", ")}` }).default("fisher"),
});

export type RankedOptions = z.output<typeof rankedSchema>;

/** About so many evaluations of circuits. */
const stepsExpected = 30;

export const ranked: Search<RankedOptions, GreedyEntry> = {
  name: "ranked",
  schema: rankedSchema,
  target: "either",
  gates: true,
  journal: greedyJournal,
  async run(context, options) {
    const ranking = rankingNamed(options.ranking);
    requireScores(ranking, context);
    return searchByMask({
      ...{ inputs: context, options, eliminates: false, steps: stepsExpected },
      resume: context.resume.map(({ greedy }) => greedy),
      onDecision: (greedy) => context.onEntry({ greedy }),
      find: (tools) => cutAlongRanking(tools, ranking),
    });
  },
  describe: ({ alpha, maxKl, ranking }) => ({
    rule: `ranked by ${ranking}`,
    decision: `A component is pruned when its ${ranking} score per weight is below what the budget needs: a loss that is the target's, or that of Algorithm 1 at α = ${alpha}`,
    bounds: boundOn(maxKl),
  }),
};

/** Before anything runs. @throws PithError "options" for a ranking that has no scores for some of the candidates. */
function requireScores(
  { name, scores }: Ranking,
  { model, mlps, units = singleComponents }: Pick<SearchInputs, "model" | "mlps" | "units">,
): void {
  const missing = gateSpaceOf(model, { units, mlps }).kinds.find((kind) => !scores.includes(kind));
  if (missing === undefined) return;
  throw new PithError("options", `is ${name}, which does not score ${missing}.`, {
    place: { field: "search.options.ranking" },
    advice: `It scores ${scores.join(" and ")}; choose another ranking, or other components.`,
  });
}

async function cutAlongRanking(tools: MaskTools, ranking: Ranking): Promise<FoundMask> {
  const { model, budget, step } = tools;
  const { space } = model;
  const order = orderPerWeight(await scoresOf(tools, ranking), space.costs);
  const mask =
    budget.kind === "size"
      ? await largestOfSize(tools, budget.size, (weights) => firstUnits(order, space.costs, weights))
      : await cutAlong(order, space.costs, (cut) => {
          step();
          return budget.holds(cut);
        });
  return { mask, order };
}

async function scoresOf(
  { engine, gated, model: { space }, sample, seed, signal }: MaskTools,
  ranking: Ranking,
): Promise<Float64Array> {
  const loss: Loss = ranking.losses.length === 0 || ranking.losses.includes("kl") ? "kl" : "cross-entropy";
  const prompts = loss === "kl" ? sample : promptSets(gated, loss).learning;
  const scores = await ranking.score({
    ...{ engine, gated, prompts, of: space.kinds, loss, seed, signal },
    onProgress: () => {},
  });
  const values = unitValues(space, scores);
  requireNumbers(values, `a score of the ranking named ${ranking.name}`);
  return values;
}
