/**
 * The smallest circuit that holds a target, at the cost of eight searches at most. Nobody knows the α for an
 * accuracy, and no α gives the smallest circuit: α bounds what one component may cost, not what all may. So a
 * sweep over a few α gives starting points, and backward elimination (`eliminate.ts`) takes out of each whatever
 * the target can spare, the largest components first. Where they end differs much; the smallest end wins.
 */
import { wholeCircuit, without } from "../../../transformer/circuit.ts";
import { bodyShare } from "../../../transformer/circuit-size.ts";
import { type Order, shapeOf } from "../../../transformer/component.ts";
import type { Transformer } from "../../../transformer/transformer.ts";
import type { Evaluator } from "../../evaluator/evaluator.ts";
import { followSweep } from "../../follow-sweep.ts";
import { faultInAssessment } from "../../searches/target/check-assessment.ts";
import type { StepFault } from "../../step-fault.ts";
import type { SweepEntry } from "../../sweep.ts";
import { candidates } from "../greedy/search.ts";
import { type AssessmentEntry, createAssessor, type JudgeAnswer } from "./assess.ts";
import { fitSize } from "./fit-size.ts";
import { checkReachable, holdsTarget, shareRounding } from "./holds-target.ts";
import { isBare, smallestEnd } from "./smallest-end.ts";
import { openStarts } from "./starts.ts";
import type { Target } from "./target-options.ts";
import type { FoundCircuit, TriedCircuit } from "./tried-circuit.ts";

/** One evaluation: plain data, for journals. */
export type TargetEntry = SweepEntry | AssessmentEntry;

export interface TargetOptions {
  readonly target: Target;
  readonly mlps: boolean;
  readonly order: Order;
  /** Beside an accuracy: no circuit with a KL above this, in nats. */
  readonly maxKl?: number | undefined;
  /** Who says what is right; an accuracy target needs it. */
  readonly isRight?: JudgeAnswer | undefined;
  /** Evaluations of an earlier run of the same search: they are taken over, not made again. */
  readonly resume?: readonly TargetEntry[];
  /** Called with every new evaluation; @param most how many evaluations there will be at most. */
  readonly onEvaluation?: (entry: TargetEntry, done: number, most: number) => Promise<void> | void;
  readonly signal?: AbortSignal | undefined;
}

export interface TargetResult extends FoundCircuit {
  /** For how many candidates there are, and how many evaluations were made: eight times as many at most. */
  readonly candidates: number;
  readonly evaluations: number;
  /** The least threshold of its sweeps: how carefully it pruned where it began with the whole model. */
  readonly leastAlpha: number;
  /** The original and what the sweep gave, the largest first. */
  readonly tried: readonly TriedCircuit[];
}

/** A target search may cost as much as this many searches. @internal */
export const searchesPerTarget = 8;

/** Thresholds of the sweep, nats: from "nearly everything stays" to "hardly anything". At most half the budget. */
const alphasFor: Readonly<Record<Target["kind"], readonly number[]>> = {
  accuracy: [1e-3, 3e-3, 1e-2, 3e-2],
  kl: [1e-3, 3e-3, 1e-2, 3e-2],
  size: [3e-3, 2e-2, 1e-1, 5e-1],
};

/** Compares journaled evaluations with what a search for this target can have evaluated, as far as they tell. */
export function faultInTarget(
  model: Transformer,
  { target, mlps, order, maxKl }: Pick<TargetOptions, "target" | "mlps" | "order" | "maxKl">,
  entries: readonly TargetEntry[],
): StepFault | undefined {
  const follower = followSweep(model, {
    ...{ mlps, order, maxKl: target.kind === "kl" ? target.value : maxKl },
    alphas: [...new Set([...alphasFor[target.kind], ...moreAlphas])],
  });
  for (const [index, entry] of entries.entries()) {
    const why = "path" in entry ? follower.take(entry) : faultInAssessment(model, entry);
    if (why !== undefined) return { index, why };
  }
  return undefined;
}

/**
 * Deterministic: the same evaluator, model and options give the same circuit.
 * @throws PithError "options" for a target that even the original, or the smallest circuit, does not hold.
 */
export async function searchForTarget(
  evaluator: Evaluator,
  model: Transformer,
  options: TargetOptions,
): Promise<TargetResult> {
  const { target, mlps, order, maxKl, isRight, resume = [], onEvaluation, signal } = options;
  if (target.kind === "accuracy" && isRight === undefined) {
    throw new RangeError("an accuracy target needs somebody who says what is right");
  }
  const all = candidates(model, { mlps, order });
  const most = searchesPerTarget * all.length;
  let done = 0;
  const tell = async (entry: TargetEntry) => onEvaluation?.(entry, ++done, most);
  const assessor = createAssessor(
    evaluator,
    isRight,
    resume.filter((entry) => "circuit" in entry),
    tell,
    signal,
  );
  const holds = holdsTarget(target, maxKl);
  const starts = await openStarts(evaluator, model, {
    ...{ assessor, holds, mlps, order, signal, onDecision: tell },
    // So every α gives a circuit that holds a KL.
    maxKl: target.kind === "kl" ? target.value : maxKl,
    resume: resume.filter((entry) => "path" in entry),
  });
  checkReachable(target, starts.original, bodyShare(model, without(wholeCircuit(shapeOf(model)), all)));

  await starts.sweepTo(alphasFor[target.kind]);
  const shared = () => ({ assessor, candidates: all, limit: most - starts.evaluations(), signal });
  const evaluations = () => starts.evaluations() + assessor.evaluations();
  let found: FoundCircuit;
  if (target.kind === "size") {
    const largest = target.value + shareRounding;
    found = await fitSize(evaluator, model, starts.tried, { ...shared(), largest });
  } else {
    const eliminateFrom = (from: readonly TriedCircuit[], best?: FoundCircuit) =>
      smallestEnd(evaluator, model, from, { ...shared(), holds: (each) => holds(each, 0) }, best);
    found = await eliminateFrom(starts.tried.toReversed());
    for (const alpha of nearest(found.alpha)) {
      if (isBare(found, all)) break;
      // What is left must do for a whole search.
      if (evaluations() + all.length >= most) break;
      found = await eliminateFrom(await starts.sweepTo([alpha]), found);
    }
  }
  return {
    ...{ ...found, candidates: all.length, evaluations: evaluations() },
    ...{ leastAlpha: starts.leastAlpha(), tried: starts.tried },
  };
}

/** Thresholds to go on with where a search can afford more. */
const moreAlphas: readonly number[] = [1.7e-3, 5.5e-3, 1.7e-2, 5.5e-4, 1e-1];

/** Those beside the best start first. */
function nearest(best: number | undefined): readonly number[] {
  const distance = (alpha: number) => Math.abs(Math.log(alpha / (best ?? 1e-3)));
  return moreAlphas.toSorted((one, other) => distance(one) - distance(other));
}
