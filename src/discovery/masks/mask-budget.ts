/**
 * What a circuit may cost a model: a KL, an accuracy, a size, or what Algorithm 1's circuit at an α costs it. A loss
 * must hold on the validation prompts and on prompts that were held out.
 */
import { gatesOfCircuit } from "../../transformer/gates.ts";
import type { GatedModel } from "../gates/gated-model.ts";
import { mean } from "../mean.ts";
import type { Decision } from "../searches/decision.ts";
import { searchInPasses } from "../searches/greedy/passes.ts";
import type { SearchInputs } from "../searches/search.ts";
import { createAssessor } from "../searches/target/assess.ts";
import { checkReachable, shareRounding } from "../searches/target/holds-target.ts";
import type { MaskHolds } from "./cut-along.ts";
import { circuitOfMask, type Mask, maskOfCircuit } from "./gate-space.ts";
import type { MaskModel } from "./mask-model.ts";
import type { PromptSets } from "./prompt-sets.ts";

export type MaskBudget =
  | {
      /** The smallest circuit that holds is wanted. */
      readonly kind: "loss";
      readonly holds: MaskHolds;
      /** A circuit that holds, where one is known. */
      readonly known: Mask | undefined;
    }
  | {
      /** The best circuit of at most this size is wanted. */
      readonly kind: "size";
      /** Weights of the body. */
      readonly size: number;
    };

export interface BudgetInputs {
  readonly inputs: Pick<SearchInputs, "model" | "evaluator" | "mlps" | "target" | "isRight" | "signal">;
  readonly gated: GatedModel;
  readonly mask: MaskModel;
  readonly sets: PromptSets;
  /** Where there is no target: Algorithm 1's threshold, in nats. */
  readonly alpha: number;
  /** In addition to an accuracy: the largest KL, in nats. */
  readonly maxKl: number | undefined;
  /** Decisions of Algorithm 1 in an interrupted run. */
  readonly resume: readonly Decision[];
  readonly onDecision: (decision: Decision) => Promise<void>;
}

/** Losses of two graphs of one model agree within this. */
const rounding = 1e-6;

/** @throws PithError "options" for a target that no circuit is likely to meet. */
export async function openBudget(budget: BudgetInputs): Promise<MaskBudget> {
  const { target } = budget.inputs;
  switch (target?.kind) {
    case undefined:
      return asFaithfulAsGreedy(budget);
    case "size": {
      const { space } = budget.mask;
      checkReachable(target, {}, space.fixed / space.body);
      return { kind: "size", size: target.value * space.body };
    }
    case "kl": {
      const bound = target.value - rounding;
      return {
        kind: "loss",
        holds: holdsOnBoth(budget, (losses) => mean(losses) <= bound),
        known: undefined,
      };
    }
    case "accuracy":
      return { kind: "loss", holds: await holdsAccuracy(budget, target.value), known: undefined };
  }
}

/** Held-out prompts first: what fails on them is not run on the others. */
function holdsOnBoth(
  { mask, sets }: Pick<BudgetInputs, "mask" | "sets">,
  holds: (losses: Float64Array, of: "held" | "validation") => boolean,
): MaskHolds {
  return async (candidate, constants) => {
    for (const of of ["held", "validation"] as const) {
      if (sets[of].length === 0) continue;
      if (!holds(await mask.losses(candidate, sets[of], constants), of)) return false;
    }
    return true;
  };
}

/**
 * Algorithm 1's circuit is the measure: on the very same prompts, a circuit must not have the higher mean, not even if
 * the difference is a standard error larger than measured.
 */
async function asFaithfulAsGreedy(budget: BudgetInputs): Promise<MaskBudget> {
  const { inputs, gated, mask, sets, alpha, resume, onDecision } = budget;
  const { evaluator, model, mlps, signal } = inputs;
  const { circuit } = await searchInPasses(evaluator, model, {
    ...{ alpha, mlps, order: "published", passes: 1, signal, resume, onDecision },
  });
  const gates = gatesOfCircuit(mask.space.shape, circuit);
  const reference = {
    held: await gated.losses(gates, { loss: "kl", prompts: sets.held, signal }),
    validation: await gated.losses(gates, { loss: "kl", prompts: sets.validation, signal }),
  };
  const holds = holdsOnBoth(budget, (losses, of) => {
    const differences = losses.map((loss, at) => loss - (reference[of][at] ?? 0));
    return mean(differences) + standardError(differences) <= 0;
  });
  return { kind: "loss", holds, known: maskOfCircuit(mask.space, circuit) };
}

/** Of the mean; 0 for a single value. */
function standardError(values: Float64Array): number {
  if (values.length < 2) return 0;
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}

async function holdsAccuracy(budget: BudgetInputs, least: number): Promise<MaskHolds> {
  const { inputs, mask, maxKl } = budget;
  const { evaluator, isRight, signal } = inputs;
  if (isRight === undefined) throw new RangeError("an accuracy target needs somebody who says what is right");
  const assessor = createAssessor(evaluator, isRight, [], undefined, signal);
  const accuracyOf = async (candidate: Mask): Promise<number> => {
    const { accuracy = 0 } = await assessor.assess(circuitOfMask(mask.space, candidate));
    return accuracy;
  };
  const accuracy = await accuracyOf(mask.space.costs.map(() => 1));
  checkReachable({ kind: "accuracy", value: least }, { accuracy }, 0);
  const holdsKl =
    maxKl === undefined
      ? async () => true
      : holdsOnBoth(budget, (losses) => mean(losses) <= maxKl - rounding);
  return async (candidate) =>
    (await holdsKl(candidate)) && (await accuracyOf(candidate)) >= least - shareRounding;
}
