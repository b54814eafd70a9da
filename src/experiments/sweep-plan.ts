/**
 * The plan of a sweep, made before it begins: a list of units, each of which covers all thresholds on one set of
 * prompts in one setting. A unit's result depends only on model and plan, so units may run in any order, at the
 * same time, and again.
 */

import { checkFirstPosition } from "../discovery/check-first-position.ts";
import type { FirstPositionChoice } from "../discovery/first-position.ts";
import type { ValueBias } from "../discovery/replacements.ts";
import { alphaOption } from "../discovery/searches/greedy/greedy-options.ts";
import { PithError } from "../errors.ts";
import type { Task } from "../jobs/read-task.ts";
import type { KnownCircuit } from "../known/known-circuits.ts";
import { isWithin } from "../number-range.ts";
import { quote } from "../printable.ts";
import type { EncodedTask } from "../tasks/encode-task.ts";
import type { Order } from "../transformer/component.ts";

/** Settings that all units of a sweep share. */
export interface SweepSettings {
  /** The thresholds in nats, ascending, each once. */
  readonly alphas: readonly number[];
  /**
   * How means are computed: one for each position ("aligned", prompts of one length), or one for all ("pooled").
   */
  readonly means: "aligned" | "pooled";
  /**
   * With pooled means, whether the first position has means of its own: see {@link SearchSettings}.
   * @defaultValue "auto", where it is an attention sink
   */
  readonly firstPosition?: FirstPositionChoice | undefined;
  /** Which components of a layer are tried first. */
  readonly order: Order;
  /**
   * With zero ablation, whether a pruned head's value bias goes with it.
   * @defaultValue "removed"
   */
  readonly valueBias?: ValueBias | undefined;
  /**
   * Components whose pruning takes the KL divergence above this are kept, however little it grows; nats.
   * @defaultValue no bound
   */
  readonly maxKl?: number | undefined;
}

/** A task's prompts for each seed, ready for the model. */
export interface SweepTask {
  /** The task's name. */
  readonly name: string;
  /** The prompts for each seed, encoded. */
  readonly draws: readonly SweepDraw[];
  /** What differs from the request, one sentence each. */
  readonly notes: readonly string[];
  /** The source of the first draw, for the preflight; left out, the task is not checked before the sweep. */
  readonly source?: SweepSource;
}

/** The prompts that one seed gives. */
export interface SweepDraw {
  /** The seed that drew or split the prompts. */
  readonly seed: number;
  /** The prompts, encoded. */
  readonly encoded: EncodedTask;
}

/** A task as it was read, and the encoded prompts of its first draw. */
export interface SweepSource {
  /** The task as it was read. */
  readonly task: Task;
  /** The prompts of its first draw, encoded. */
  readonly encoded: EncodedTask;
  /** Whether the start token stands before every prompt. */
  readonly bos: boolean;
  /** Whether the prompts are turns of a chat. */
  readonly chat: boolean;
}

/** A unit of a sweep: all thresholds on one set of prompts in one setting. */
export interface SweepUnit {
  /** The task's name. */
  readonly task: string;
  /** The seed that drew or split the prompts. */
  readonly seed: number;
  /** The replacement of pruned components. */
  readonly ablation: "mean" | "zero";
  /** Whether MLPs may be pruned. */
  readonly mlps: boolean;
  /** The prompts, encoded. */
  readonly encoded: EncodedTask;
  /** Its task's own thresholds in nats, ascending, each once; left out, the plan's. */
  readonly alphas?: readonly number[];
}

/** The plan of a sweep: made by {@link planSweep}, carried out by {@link runSweep}. */
export interface SweepPlan extends SweepSettings {
  /** The units, by task, then ablation, MLPs and seed. */
  readonly units: readonly SweepUnit[];
  /** The known circuits that circuits are compared with, by task. */
  readonly known: ReadonlyMap<string, KnownCircuit>;
  /** What differs from the request, one sentence each. */
  readonly notes: readonly string[];
  /** One for each task that is checked before the search. */
  readonly sources: readonly SweepSource[];
}

/** The choices that a sweep covers. */
export interface SweepChoice extends Omit<SweepSettings, "alphas"> {
  /** The thresholds in nats, in any order: `logSpaced(1e-3, 1, 12)`, say. */
  readonly alphas: readonly number[];
  /**
   * Other thresholds for some tasks, by the task's name, in any order.
   * @defaultValue none
   */
  readonly alphasOf?: ReadonlyMap<string, readonly number[]>;
  /** The replacements of pruned components: one or both. */
  readonly ablations: readonly ("mean" | "zero")[];
  /** Whether MLPs may be pruned: `[true]`, `[false]` or both. */
  readonly mlps: readonly boolean[];
  /**
   * The known circuit that a task's circuits are compared with, by the task's name.
   * @defaultValue none
   */
  readonly known?: ReadonlyMap<string, KnownCircuit>;
}

/**
 * Makes a plan: one unit for each task, ablation, choice of MLPs and seed.
 * @example
 * ```ts
 * const tasks = await readSweepTasks(model, ["ioi"], { means: "aligned", seeds: [0, 1] });
 * const plan = planSweep(tasks, {
 *   alphas: logSpaced(1e-3, 1, 6),
 *   ablations: ["mean"],
 *   mlps: [true],
 *   means: "aligned",
 *   order: "published",
 * });
 * ```
 * @throws PithError "options" for nothing to do, an invalid threshold, two tasks of one name, or a choice of the first
 * position without pooled means.
 */
export function planSweep(tasks: readonly SweepTask[], choice: SweepChoice): SweepPlan {
  const {
    alphas,
    alphasOf = new Map(),
    ablations,
    mlps,
    known = new Map(),
    means,
    firstPosition,
    order,
    valueBias,
    maxKl,
  } = choice;
  checkFirstPosition({ firstPosition, means, ablations });
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
    ...(firstPosition !== undefined && { firstPosition }),
    ...(valueBias !== undefined && { valueBias }),
    ...(maxKl !== undefined && { maxKl }),
    notes: tasks.flatMap(({ notes }) => notes),
    sources: tasks.flatMap(({ source }) => source ?? []),
  };
}

/** The thresholds of a unit, ascending. */
export function alphasOfUnit({ alphas }: Pick<SweepPlan, "alphas">, unit: SweepUnit): readonly number[] {
  return unit.alphas ?? alphas;
}

const ascending = (alphas: readonly number[]) => [...new Set(alphas)].sort((a, b) => a - b);

/**
 * `count` thresholds from the first bound to the second, with a constant factor between neighbours; both bounds
 * are exact.
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
