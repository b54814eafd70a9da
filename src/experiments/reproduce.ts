/**
 * Runs the paper's experiments on a model and writes a folder of results (Node): one sweep for all figures, then
 * timings of the tables' circuits. The folder appears only when it is complete. An interrupted run continues
 * where the sweep's journal ends.
 */

import type { FirstPositionChoice } from "../discovery/first-position.ts";
import type { ValueBias } from "../discovery/replacements.ts";
import type { DistillNumbers } from "../jobs/distill/distill-options.ts";
import { defaultExtractOptions } from "../jobs/extract/extract-options.ts";
import type { Model } from "../jobs/load-model.ts";
import { withEngine } from "../jobs/with-engine.ts";
import { type KnownCircuit, knownCircuit, knownCircuitsOf, knownHeads } from "../known/known-circuits.ts";
import { checkKnownFits } from "../known/known-fits.ts";
import { countParameters } from "../measure/parameters.ts";
import { workerRuntime } from "../runtime/node-runtime.ts";
import { headCountsOf } from "../transformer/component.ts";
import { type Ablation, PAPER_TABLE, type TableChoice } from "./paper-settings.ts";
import { hasPublishedShape } from "./published.ts";
import { makeReproduction, type Reproduction } from "./reproduction.ts";
import { circuitOfRow } from "./row-circuit.ts";
import { type RunSweepOptions, runSweep, type SweepOutcome } from "./run-sweep.ts";
import { trainStudents } from "./students.ts";
import { planSweep, type SweepPlan, type SweepTask } from "./sweep-plan.ts";
import { readSweepTasks } from "./sweep-tasks.ts";
import { type CircuitTiming, type KnownHeads, rowsOf } from "./tables.ts";
import { timeCircuits } from "./time-circuits.ts";

/** Which of the paper's experiments are done, and how. */
export interface ReproduceOptions extends RunSweepOptions {
  /** The folder to make. */
  readonly out: string;
  /** The tasks: names of built-in ones, or paths of task files. */
  readonly tasks: readonly string[];
  /** The seeds: each repeats the experiments with its own prompts. */
  readonly seeds: readonly number[];
  /** The thresholds that figures show, in nats. */
  readonly alphas: readonly number[];
  /**
   * Other thresholds for some tasks, by the task's name.
   * @defaultValue none
   */
  readonly alphasOf?: ReadonlyMap<string, readonly number[]> | undefined;
  /** The replacement of pruned components: one or both. The tables are of "mean". */
  readonly ablations: readonly Ablation[];
  /** Whether MLPs may be pruned: `[true]`, `[false]` or both. */
  readonly mlps: readonly boolean[];
  /**
   * With zero ablation, whether a pruned head's value bias goes with it.
   * @defaultValue "removed"
   */
  readonly valueBias?: ValueBias | undefined;
  /** How means are computed: one for each position ("aligned", as in the paper), or one for all ("pooled"). */
  readonly means: "aligned" | "pooled";
  /**
   * With pooled means, whether the first position has means of its own.
   * @defaultValue "auto", where it is an attention sink
   */
  readonly firstPosition?: FirstPositionChoice | undefined;
  /** Thresholds that the user chose for the tables, in nats, by the task's name. */
  readonly chosen: ReadonlyMap<string, number>;
  /** Known circuits to compare with instead of the published lists, by the task's name. */
  readonly known: ReadonlyMap<string, KnownCircuit>;
  /**
   * Whether the paper's values are shown beside this run's.
   * @defaultValue whether the model has GPT-2 small's shape
   */
  readonly published?: boolean | undefined;
  /** Milliseconds for timing each circuit of the tables against the original. */
  readonly timingBudget: number;
  /**
   * How students are trained, for Table 2.
   * @defaultValue none are
   */
  readonly students?: Partial<DistillNumbers> | undefined;
  /** Makes the files of the folder other than the sweep's own, by file name: see {@link reproductionFiles}. */
  readonly render: (run: ReproductionRun) => Readonly<Record<string, string>>;
}

/** The results of a reproduction, and facts about the run. */
export interface ReproductionRun {
  /** The tables and figures as data. */
  readonly reproduction: Reproduction;
  /** The sweep that was done for all of them. */
  readonly plan: SweepPlan;
  /** The result of that sweep. */
  readonly outcome: SweepOutcome;
  /** Seconds of wall clock that timing the tables' circuits took. */
  readonly timingSeconds: number;
}

/**
 * Runs the paper's experiments on a model: one sweep for all figures, then timings of the tables' circuits. An
 * interrupted run continues where the sweep's journal ends.
 * @throws PithError for bad input before anything is computed, and whatever a sweep throws.
 */
export async function reproduce(model: Model, options: ReproduceOptions): Promise<ReproductionRun> {
  const { transformer } = model;
  const headCounts = headCountsOf(transformer);
  const tasks = await readSweepTasks(model, options.tasks, options);
  const names = tasks.map(({ name }) => name);
  const { choices, chosen } = tableChoices(names, options);
  const known = knownCircuits(names, options.known, headCounts, transformer.width);
  const ofTables = [...choices, ...chosen].map(({ alpha }) => alpha);
  const { alphasOf = new Map<string, readonly number[]>() } = options;
  const plan = planSweep(tasks, {
    alphas: [...options.alphas, ...ofTables],
    alphasOf: new Map([...alphasOf].map(([task, alphas]) => [task, [...alphas, ...ofTables]])),
    ablations: options.ablations,
    mlps: options.mlps,
    means: options.means,
    order: "published",
    valueBias: options.valueBias,
    firstPosition: options.firstPosition,
    known,
  });

  let run: ReproductionRun | undefined;
  await runSweep(model, plan, {
    ...options,
    async moreFiles(outcome) {
      const begin = performance.now();
      const timings = await timeTables(model, tasks, [...choices, ...chosen], outcome, options);
      const timed = performance.now();
      const { students: numbers, signal, onEvent, threads } = options;
      const students =
        numbers &&
        (await trainStudents(model, tasks, [...choices, ...chosen], outcome.rows, {
          ...{ numbers, signal, onEvent, threads },
        }));
      const heads = new Map(
        [...known].map(([task, circuit]): [string, KnownHeads] => [
          task,
          { id: circuit.id, heads: knownHeads(circuit) },
        ]),
      );
      const reproduction = makeReproduction({
        model: {
          name: model.name,
          heads: headCounts,
          width: transformer.width,
          parameters: countParameters(transformer),
        },
        tasks: names,
        rows: outcome.rows,
        timings,
        alphas: options.alphas,
        alphasOf,
        ...{ choices, chosen },
        ...(students && { students }),
        known: heads,
        published: options.published ?? hasPublishedShape(headCounts, transformer.width),
      });
      run = { reproduction, plan, outcome, timingSeconds: (timed - begin) / 1000 };
      return options.render(run);
    },
  });
  if (run === undefined) throw new Error("the sweep ended without its files");
  return run;
}

/** The paper's α for its tasks, the default α of `pith extract` for others, and the user's α in addition. */
function tableChoices(
  tasks: readonly string[],
  { chosen, mlps, ablations }: Pick<ReproduceOptions, "chosen" | "mlps" | "ablations">,
): { readonly choices: readonly TableChoice[]; readonly chosen: readonly TableChoice[] } {
  // The tables are of mean ablation.
  if (!ablations.includes("mean")) return { choices: [], chosen: [] };
  const rows = (task: string, alpha: number) => [...mlps].sort().map((each) => ({ task, mlps: each, alpha }));
  return {
    choices: tasks.flatMap((task) => {
      const paper = PAPER_TABLE.filter((choice) => choice.task === task && mlps.includes(choice.mlps));
      if (PAPER_TABLE.some((choice) => choice.task === task)) return paper;
      return chosen.has(task) ? [] : rows(task, defaultExtractOptions.alpha);
    }),
    chosen: [...chosen].flatMap(([task, alpha]) => rows(task, alpha)),
  };
}

/**
 * The published lists name heads of GPT-2 small; another model has no known circuit unless the user gives one.
 */
function knownCircuits(
  tasks: readonly string[],
  given: ReadonlyMap<string, KnownCircuit>,
  headCounts: readonly number[],
  width: number,
): ReadonlyMap<string, KnownCircuit> {
  const published = hasPublishedShape(headCounts, width);
  return new Map(
    tasks.flatMap((task) => {
      const builtin = published && knownCircuitsOf(task).length > 0 ? knownCircuit(task) : undefined;
      const circuit = given.get(task) ?? builtin;
      if (circuit === undefined) return [];
      // A head that the model lacks is an error now, not after hours.
      checkKnownFits(circuit, headCounts);
      return [[task, circuit] as const];
    }),
  );
}

async function timeTables(
  model: Model,
  tasks: readonly SweepTask[],
  choices: readonly TableChoice[],
  { rows }: SweepOutcome,
  { means, firstPosition, timingBudget, signal, onEvent }: ReproduceOptions,
): Promise<readonly CircuitTiming[]> {
  // One thread: with several, the time depends on what else the machine does, because they wait for each other.
  // With two threads on a busy machine the spread was more than ten times as wide.
  const runtime = workerRuntime({ threads: 1 });
  const total = choices.reduce((sum, choice) => sum + rowsOf(choice, rows).length, 0);
  const timings: CircuitTiming[] = [];
  onEvent?.({ kind: "step", step: "measure" });
  return withEngine(runtime, signal, async () => {
    for (const { name, draws } of tasks) {
      const own = uniqueChoices(choices.filter(({ task }) => task === name));
      for (const { seed, encoded } of draws) {
        const wanted = own.flatMap((choice) =>
          rowsOf(choice, rows)
            .filter((row) => row.seed === seed)
            .map((row) => ({ choice, circuit: circuitOfRow(row) })),
        );
        const before = timings.length;
        let done = 0;
        const timed = await timeCircuits(
          runtime,
          model,
          encoded,
          wanted.map(({ circuit }) => circuit),
          {
            ...{ means, firstPosition, signal },
            budget: timingBudget,
            onTimed: () => onEvent?.({ kind: "progress", step: "measure", done: before + ++done, total }),
          },
        );
        for (const [index, { choice }] of wanted.entries()) {
          const timing = timed[index];
          if (timing !== undefined) timings.push({ ...choice, seed, ...timing });
        }
      }
    }
    return timings;
  });
}

/** The user's α may be equal to the paper's. */
function uniqueChoices(choices: readonly TableChoice[]): readonly TableChoice[] {
  return [...new Map(choices.map((choice) => [`${choice.mlps} ${choice.alpha}`, choice])).values()];
}
