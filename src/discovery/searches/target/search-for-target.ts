/**
 * The smallest circuit that holds a target, at the cost of eight searches at most. Nobody knows the α for an
 * accuracy, and no α gives the smallest circuit: α bounds what one component may cost, not what all may. So a
 * sweep over a few α gives starting points, and backward elimination (`eliminate.ts`) takes out of each whatever
 * the target can spare, the largest components first. Where they end differs much; the smallest end wins.
 */
import { PithError } from "../../../errors.ts";
import { type Circuit, keeps, sameCircuit, wholeCircuit, without } from "../../../transformer/circuit.ts";
import { bodyShare } from "../../../transformer/circuit-size.ts";
import { type Component, type Order, shapeOf } from "../../../transformer/component.ts";
import type { Transformer } from "../../../transformer/transformer.ts";
import type { Evaluator } from "../../evaluator/evaluator.ts";
import { followSweep } from "../../follow-sweep.ts";
import { faultInAssessment } from "../../searches/target/check-assessment.ts";
import type { StepFault } from "../../step-fault.ts";
import { type SweepEntry, sweep } from "../../sweep.ts";
import type { Decision } from "../decision.ts";
import { candidates } from "../greedy/search.ts";
import {
  type Assessment,
  type AssessmentEntry,
  type Assessor,
  createAssessor,
  type JudgeAnswer,
} from "./assess.ts";
import { eliminate } from "./eliminate.ts";
import { fitSize } from "./fit-size.ts";
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
  const whole = wholeCircuit(shapeOf(model));
  let done = 0;
  const tell = async (entry: TargetEntry) => onEvaluation?.(entry, ++done, most);
  const assessor = createAssessor(
    evaluator,
    isRight,
    resume.filter((entry) => "circuit" in entry),
    tell,
    signal,
  );
  const holds = ({ kl, accuracy = 0 }: Assessment, size: number): boolean => {
    if (target.kind === "size") return size <= target.value + tiny;
    if (target.kind === "kl") return kl <= target.value;
    return accuracy >= target.value - tiny && (maxKl === undefined || kl <= maxKl);
  };
  const tryCircuit = async (
    circuit: Circuit,
    alpha: number | undefined,
    trace: readonly Decision[],
  ): Promise<TriedCircuit> => {
    const assessment = await assessor.assess(circuit);
    const size = bodyShare(model, circuit);
    return { circuit, alpha, trace, size, ...assessment, holds: holds(assessment, size) };
  };

  const measured = await tryCircuit(whole, undefined, []);
  // The original is no distance from itself; a bound of 0 must not fail by its rounding.
  const original: TriedCircuit = { ...measured, holds: holds({ ...measured, kl: 0 }, measured.size) };
  checkReachable(target, original, bodyShare(model, without(whole, all)));

  const known = new Map(resume.flatMap((entry) => ("path" in entry ? [[entry.path, entry] as const] : [])));
  // Paths on which the sweeps evaluated; what the assessor evaluates is counted beside them.
  const asked = new Set<string>();
  let leastAlpha = Number.POSITIVE_INFINITY;
  const tried: TriedCircuit[] = [original];
  /** Adds what these α give; @returns those circuits that are new. */
  const sweepTo = async (alphas: readonly number[]): Promise<readonly TriedCircuit[]> => {
    await evaluator.restart(whole, signal);
    leastAlpha = Math.min(leastAlpha, ...alphas);
    const { results } = await sweep(evaluator, model, {
      ...{ alphas, mlps, order, signal, resume: [...known.values()] },
      // So every α gives a circuit that holds a KL.
      maxKl: target.kind === "kl" ? target.value : maxKl,
      onDecision: async (entry) => {
        known.set(entry.path, entry);
        await tell(entry);
      },
    });
    const fresh: TriedCircuit[] = [];
    for (const { circuit, alpha, trace } of results) {
      for (const path of pathsOf(trace)) asked.add(path);
      if ([...tried, ...fresh].some((each) => sameCircuit(each.circuit, circuit))) continue;
      fresh.push(await tryCircuit(circuit, alpha, trace));
    }
    tried.push(...fresh);
    tried.sort((one, other) => other.size - one.size || one.kl - other.kl);
    return fresh;
  };

  await sweepTo(alphasFor[target.kind]);
  const shared = () => ({ assessor, candidates: all, limit: most - asked.size, signal });
  let found: FoundCircuit;
  if (target.kind === "size") {
    found = await fitSize(evaluator, model, tried, { ...shared(), largest: target.value + tiny });
  } else {
    const eliminateFrom = (starts: readonly TriedCircuit[], best?: FoundCircuit) =>
      smallest(evaluator, model, starts, { ...shared(), holds: (each) => holds(each, 0) }, best);
    found = await eliminateFrom(tried.toReversed());
    for (const alpha of nearest(found.alpha)) {
      if (isBare(found, all)) break;
      // What is left must do for a whole search.
      if (asked.size + assessor.evaluations() + all.length >= most) break;
      found = await eliminateFrom(await sweepTo([alpha]), found);
    }
  }
  const evaluations = asked.size + assessor.evaluations();
  return { ...found, candidates: all.length, evaluations, leastAlpha, tried };
}

/** Thresholds to go on with where a search can afford more. */
const moreAlphas: readonly number[] = [1.7e-3, 5.5e-3, 1.7e-2, 5.5e-4, 1e-1];

/** Those beside the best start first. */
function nearest(best: number | undefined): readonly number[] {
  const distance = (alpha: number) => Math.abs(Math.log(alpha / (best ?? 1e-3)));
  return moreAlphas.toSorted((one, other) => distance(one) - distance(other));
}

/** What had been decided before each of a search's decisions, as sweeps write it. */
function pathsOf(trace: readonly Decision[]): readonly string[] {
  const letters = trace.map(({ pruned }) => (pruned ? "p" : "k")).join("");
  return trace.map((_, step) => letters.slice(0, step));
}

/** Shares of prompts and of parameters are compared up to rounding. */
const tiny = 1e-12;

interface SmallestOptions {
  readonly assessor: Assessor;
  readonly candidates: readonly Component[];
  readonly limit: number;
  readonly holds: (assessment: Assessment) => boolean;
  readonly signal: AbortSignal | undefined;
}

/** Eliminates from every start that holds the target, as far as evaluations reach. @param best so far. */
async function smallest(
  evaluator: Evaluator,
  model: Transformer,
  starts: readonly TriedCircuit[],
  options: SmallestOptions,
  best?: FoundCircuit,
): Promise<FoundCircuit> {
  let found = best;
  for (const start of starts.filter((each) => each.holds)) {
    if (found !== undefined && isBare(found, options.candidates)) break;
    if (found !== undefined && options.assessor.evaluations() >= options.limit) break;
    const pass = start.trace.length === 0 ? 1 : 2;
    const { circuit, kl, accuracy, trace, minimal } = await eliminate(evaluator, model, start, {
      ...options,
      pass,
    });
    const ended: FoundCircuit = {
      ...{ circuit, kl, accuracy, alpha: start.alpha, settled: minimal },
      size: bodyShare(model, circuit),
      trace: [...start.trace, ...trace],
    };
    if (found === undefined || isBetter(ended, found)) found = ended;
  }
  if (found === undefined) throw new TypeError("even the original was not tried");
  return found;
}

/** Whether nothing is left that could go. */
function isBare({ circuit }: FoundCircuit, all: readonly Component[]): boolean {
  return !all.some((component) => keeps(circuit, component));
}

function isBetter(one: FoundCircuit, other: FoundCircuit): boolean {
  if (Math.abs(one.size - other.size) > tiny) return one.size < other.size;
  if (one.settled !== other.settled) return one.settled;
  return one.kl < other.kl;
}

function checkReachable(target: Target, original: TriedCircuit, least: number): void {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  if (target.kind === "accuracy" && (original.accuracy ?? 0) < target.value - tiny) {
    throw new PithError(
      "options",
      `no circuit is likely to hold an accuracy of ${percent(target.value)} on the validation prompts: the original itself reaches ${percent(original.accuracy ?? 0)}.`,
      { place: { field: "--target-accuracy" }, advice: "Ask for less, or check the task with pith eval." },
    );
  }
  if (target.kind === "size" && least > target.value + tiny) {
    throw new PithError(
      "options",
      `no circuit has ${percent(target.value)} of the body's parameters or less: what may not be pruned is ${percent(least)} of them.`,
      { place: { field: "--target-size" }, advice: "Ask for more, or let MLPs be pruned as well." },
    );
  }
}
