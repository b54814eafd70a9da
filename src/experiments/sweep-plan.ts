/**
 * What a sweep will do, decided before it begins: a list of units, each of them all thresholds on one set of
 * prompts in one setting. A unit is a pure function of model and plan, so units may run in any order, at the
 * same time, and again.
 */
import type { ValueBias } from "../discovery/replacements.ts";
import { alphaOption } from "../discovery/searches/greedy/greedy-options.ts";
import { PithError } from "../errors.ts";
import type { Task } from "../jobs/read-task.ts";
import type { KnownCircuit } from "../known/known-circuits.ts";
import { isWithin } from "../number-range.ts";
import { quote } from "../printable.ts";
import type { EncodedTask } from "../tasks/encode-task.ts";
import type { Order } from "../transformer/component.ts";

/** What all units have in common. */
export interface SweepSettings {
  /** Ascending, each once. */
  readonly alphas: readonly number[];
  readonly means: "aligned" | "pooled";
  readonly order: Order;
  /** With zero ablation; left out: removed. */
  readonly valueBias?: ValueBias | undefined;
  /** As in a search; nats. */
  readonly maxKl?: number | undefined;
}

/** A task's prompts for each seed, ready for the model. */
export interface SweepTask {
  readonly name: string;
  readonly draws: readonly { readonly seed: number; readonly encoded: EncodedTask }[];
  /** Sentences for the user: what differs from what was asked for. */
  readonly notes: readonly string[];
  /** What the first draw was made from, for the preflight; a task that lacks it is not looked at. */
  readonly source?: SweepSource;
}

/** A task as it was read, and as its first draw is encoded. */
export interface SweepSource {
  readonly task: Task;
  readonly encoded: EncodedTask;
  readonly bos: boolean;
}

export interface SweepUnit {
  readonly task: string;
  readonly seed: number;
  readonly ablation: "mean" | "zero";
  /** Whether MLPs may be pruned. */
  readonly mlps: boolean;
  readonly encoded: EncodedTask;
  /** Its task's own thresholds, ascending, each once; left out: the plan's. */
  readonly alphas?: readonly number[];
}

export interface SweepPlan extends SweepSettings {
  /** By task, then ablation, MLPs and seed. */
  readonly units: readonly SweepUnit[];
  /** By task. */
  readonly known: ReadonlyMap<string, KnownCircuit>;
  readonly notes: readonly string[];
  /** One for each task that is looked at before anything is searched. */
  readonly sources: readonly SweepSource[];
}

export interface SweepChoice extends Omit<SweepSettings, "alphas"> {
  /** In any order. */
  readonly alphas: readonly number[];
  /** By task, in any order: its thresholds, instead of `alphas`. */
  readonly alphasOf?: ReadonlyMap<string, readonly number[]>;
  readonly ablations: readonly ("mean" | "zero")[];
  /** Whether MLPs may be pruned: one or both. */
  readonly mlps: readonly boolean[];
  /** The known circuit that a task's circuits are compared with, by task. */
  readonly known?: ReadonlyMap<string, KnownCircuit>;
}

/** @throws PithError "options" for nothing to do, a threshold that is none, or two tasks of one name. */
export function planSweep(tasks: readonly SweepTask[], choice: SweepChoice): SweepPlan {
  const {
    alphas,
    alphasOf = new Map(),
    ablations,
    mlps,
    known = new Map(),
    means,
    order,
    valueBias,
    maxKl,
  } = choice;
  const wrong = [...alphas, ...[...alphasOf.values()].flat()].find(
    (alpha) => !isWithin(alphaOption.range, alpha),
  );
  if (wrong !== undefined) {
    throw new PithError("options", `${wrong} is not a positive number.`, { place: { field: "alphas" } });
  }
  const names = tasks.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new PithError("options", `two tasks are called ${quote(twice)}.`, {
      place: { field: "--task" },
      advice: "Give each once; a task file is called as its file is.",
    });
  }
  const units = tasks.flatMap(({ name, draws }) =>
    [...new Set(ablations)].flatMap((ablation) =>
      [...new Set(mlps)].flatMap((prunesMlps) =>
        draws.map(({ seed, encoded }) => ({
          ...{ task: name, seed, ablation, mlps: prunesMlps, encoded },
          ...(alphasOf.has(name) && { alphas: ascending(alphasOf.get(name) ?? []) }),
        })),
      ),
    ),
  );
  if (units.length === 0 || alphas.length === 0) {
    throw new PithError("options", "a sweep needs a task, a threshold, an ablation and a seed at least");
  }
  return {
    alphas: ascending(alphas),
    ...{ means, order, units, known },
    ...(valueBias !== undefined && { valueBias }),
    ...(maxKl !== undefined && { maxKl }),
    notes: tasks.flatMap(({ notes }) => notes),
    sources: tasks.flatMap(({ source }) => source ?? []),
  };
}

/** The thresholds that a unit goes over, ascending. */
export function alphasOfUnit({ alphas }: Pick<SweepPlan, "alphas">, unit: SweepUnit): readonly number[] {
  return unit.alphas ?? alphas;
}

const ascending = (alphas: readonly number[]) => [...new Set(alphas)].sort((a, b) => a - b);

/**
 * `count` thresholds from one to the other, each the same factor above the one before; both ends exactly.
 * @throws RangeError unless both are positive and there are at least two.
 */
export function logSpaced(from: number, to: number, count: number): readonly number[] {
  if (!(from > 0 && to > 0 && count >= 2)) throw new RangeError("two positive ends, two thresholds at least");
  const [low, high] = [Math.log10(from), Math.log10(to)];
  return Array.from({ length: count }, (_, index) => {
    if (index === 0) return from;
    return index === count - 1 ? to : 10 ** (low + ((high - low) * index) / (count - 1));
  });
}
