/**
 * How much of a known circuit a search finds: rates over attention heads (paper, section 4 and appendix F).
 * The rates are TPR = found ∩ known / known and FPR = found \ known / (all − known); MLPs don't count.
 */
import { PithError } from "../errors.ts";
import { type Circuit, listsOf } from "../transformer/circuit.ts";
import { headNumber } from "../transformer/component.ts";
import type { Head } from "./known-circuits.ts";

/** How much of a known circuit another circuit has. Only heads count. */
export interface Recovery {
  /** How many heads are in both. */
  readonly truePositives: number;
  /** How many heads are kept but not known. */
  readonly falsePositives: number;
  /** How many heads are known. */
  readonly positives: number;
  /** How many heads of the model are not known. */
  readonly negatives: number;
  /** truePositives / positives. */
  readonly tpr: number;
  /** falsePositives / negatives; 0 when every head is known. */
  readonly fpr: number;
  /** Known heads that were not kept, in the known list's order. */
  readonly missed: readonly Head[];
}

/**
 * Compares a circuit's heads with those of a known circuit.
 * @param headCounts heads of each layer of the original model.
 * @throws PithError "circuit" when a head of either is not one of the model's, or nothing is known.
 */
export function recoveryRates(
  circuit: Circuit,
  known: readonly Head[],
  headCounts: readonly number[],
): Recovery {
  const nameHeads = (heads: readonly Head[], which: string) =>
    new Set(
      heads.map(([layer, head]) => {
        if (head >= 0 && head < (headCounts[layer] ?? 0)) return headNumber(layer, head);
        throw new PithError(
          "circuit",
          `${which} has the head ${headNumber(layer, head)}, the model does not.`,
          {
            advice: "A circuit can only be compared with a known one of the same model.",
          },
        );
      }),
    );
  const kept = nameHeads(listsOf(circuit).heads, "the circuit");
  const wanted = nameHeads(known, "the known circuit");
  if (wanted.size === 0) throw new PithError("circuit", "the known circuit has no heads");
  const positives = wanted.size;
  const negatives = headCounts.reduce((sum, count) => sum + count, 0) - positives;
  const truePositives = [...kept].filter((name) => wanted.has(name)).length;
  const falsePositives = kept.size - truePositives;
  return {
    ...{ truePositives, falsePositives, positives, negatives },
    tpr: truePositives / positives,
    fpr: negatives === 0 ? 0 : falsePositives / negatives,
    missed: known.filter(([layer, head]) => !kept.has(headNumber(layer, head))),
  };
}

/** A point of a ROC curve. */
export interface RocPoint {
  /** The false positive rate, 0 to 1. */
  readonly fpr: number;
  /** The true positive rate, 0 to 1. */
  readonly tpr: number;
}

/**
 * A sweep's points as a curve, sorted by FPR, then TPR, from (0, 0) to (1, 1).
 * @param ends false leaves the two ends out, as the published curves do (those begin and end where the sweep
 * does, which lowers their area: for greater-than with means from 0.85 to 0.76).
 */
export function rocCurve<P extends RocPoint>(points: readonly P[], ends = true): readonly (P | RocPoint)[] {
  const sorted: (P | RocPoint)[] = [...points];
  if (ends) sorted.push({ fpr: 0, tpr: 0 }, { fpr: 1, tpr: 1 });
  return sorted.sort((a, b) => a.fpr - b.fpr || a.tpr - b.tpr);
}

/** The area under a curve's points by the trapezoidal rule, FPR ascending; 0 for fewer than two points. */
export function areaUnderCurve(curve: readonly RocPoint[]): number {
  return curve.reduce((area, point, i) => {
    const before = curve[i - 1];
    return before === undefined ? area : area + ((point.fpr - before.fpr) * (point.tpr + before.tpr)) / 2;
  }, 0);
}

/**
 * The mean curve of several runs of one sweep: the mean of both rates at each threshold.
 * @param runs the same thresholds in the same order, [runs][thresholds].
 */
export function meanRoc(runs: readonly (readonly RocPoint[])[]): readonly RocPoint[] {
  const [first = []] = runs;
  return first.map((_, i) => {
    const mean = (rate: keyof RocPoint) =>
      runs.reduce((sum, run) => {
        const point = run[i];
        if (point === undefined || run.length !== first.length) {
          throw new RangeError(`runs of ${first.length} and ${run.length} points`);
        }
        return sum + point[rate];
      }, 0) / runs.length;
    return { fpr: mean("fpr"), tpr: mean("tpr") };
  });
}
