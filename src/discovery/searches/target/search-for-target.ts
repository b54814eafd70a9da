/**
 * Finds the smallest circuit that meets a target, at the cost of at most eight searches. The α for an accuracy is
 * not known, and no α gives the smallest circuit: α limits the cost of one component, not of all. So a sweep over
 * a few α gives starting points, and backward elimination (`eliminate.ts`) removes as much as the target allows
 * from each, the largest components first. The results differ much; the smallest is taken.
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
  /** In addition to an accuracy: the largest KL of the circuit, in nats. */
  readonly maxKl?: number | undefined;
  /** Judges answers; an accuracy target needs it. */
  readonly isRight?: JudgeAnswer | undefined;
  /** Evaluations of an earlier run of the same search: they are reused. */
  readonly resume?: readonly TargetEntry[];
  /** Called with every new evaluation; @param most how many evaluations there will be at most. */
  readonly onEvaluation?: (entry: TargetEntry, done: number, most: number) => Promise<void> | void;
  readonly signal?: AbortSignal | undefined;
}

export interface TargetResult extends FoundCircuit {
  /** The number of candidates; evaluations are limited to eight times that. */
  readonly candidates: number;
  readonly evaluations: number;
  /** The lowest threshold of its sweeps: how carefully it pruned when it began with the whole model. */
  readonly leastAlpha: number;
  /** The original and the sweep's circuits, the largest first. */
  readonly tried: readonly TriedCircuit[];
}

/** A target search may cost as much as this many searches. @internal */
export const searchesPerTarget = 8;

/**
 * Thresholds of the sweep in nats: from "nearly everything stays" to "hardly anything". They use at most half the
 * budget.
 */
const alphasFor: Readonly<Record<Target["kind"], readonly number[]>> = {
  accuracy: [1e-3, 3e-3, 1e-2, 3e-2],
  kl: [1e-3, 3e-3, 1e-2, 3e-2],
  size: [3e-3, 2e-2, 1e-1, 5e-1],
};

/** Checks journaled evaluations: whether a search for this target can have made them, as far as that is known. */
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
 * @throws PithError "options" for a target that even the original, or the smallest circuit, does not meet.
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
    // So every α gives a circuit that meets a KL target.
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
      // The rest of the budget must be enough for a whole search.
      if (evaluations() + all.length >= most) break;
      found = await eliminateFrom(await starts.sweepTo([alpha]), found);
    }
  }
  return {
    ...{ ...found, candidates: all.length, evaluations: evaluations() },
    ...{ leastAlpha: starts.leastAlpha(), tried: starts.tried },
  };
}

/** Further thresholds, if there are evaluations left. */
const moreAlphas: readonly number[] = [1.7e-3, 5.5e-3, 1.7e-2, 5.5e-4, 1e-1];

/** The thresholds next to the best start come first. */
function nearest(best: number | undefined): readonly number[] {
  const distance = (alpha: number) => Math.abs(Math.log(alpha / (best ?? 1e-3)));
  return moreAlphas.toSorted((one, other) => distance(one) - distance(other));
}
