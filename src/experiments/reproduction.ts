/**
 * The paper's tables and figures as data, from a sweep's rows, timings and known circuits; the published ones
 * beside them where both are of GPT-2 small. A pure function: what is written of it is `report/`'s business.
 */
import type { ParameterCount } from "../measure/parameters.ts";
import { curvePoint, type RocCurves, sweepRoc, type TaskCurves, taskCurves } from "./curves.ts";
import type { Ablation, TableChoice } from "./paper-settings.ts";
import { PUBLISHED_TABLE, type PublishedRow, publishedCurves, publishedRoc } from "./published.ts";
import type { SweepRow } from "./sweep-row.ts";
import { type CircuitTiming, type KnownHeads, type TableRow, tableRows } from "./tables.ts";

export interface ReproductionModel {
  readonly name: string;
  /** Of each layer. */
  readonly heads: readonly number[];
  readonly width: number;
  readonly parameters: ParameterCount;
}

export interface ReproductionInput {
  readonly model: ReproductionModel;
  /** By name, in the tables' order. */
  readonly tasks: readonly string[];
  readonly rows: readonly SweepRow[];
  readonly timings: readonly CircuitTiming[];
  /** The thresholds that figures show; the rows may have more of them. */
  readonly alphas: readonly number[];
  /** By task, where its figures show others. */
  readonly alphasOf?: ReadonlyMap<string, readonly number[]>;
  /** What the tables show: the paper's choice of α, and the user's. */
  readonly choices: readonly TableChoice[];
  readonly chosen: readonly TableChoice[];
  /** By task. */
  readonly known: ReadonlyMap<string, KnownHeads>;
  /** Whether the paper's own values stand beside ours. */
  readonly published: boolean;
}

/** A task's curves, and the published ones where they are to be shown. */
export interface TaskFigures {
  readonly task: string;
  readonly ours: TaskCurves;
  readonly published: TaskCurves | undefined;
}

/** A task's panel of Figure 8 or 9: either may be missing, or both. */
export interface TaskRoc {
  readonly task: string;
  readonly ours: RocCurves | undefined;
  readonly published: RocCurves | undefined;
}

export interface Reproduction {
  readonly model: ReproductionModel;
  readonly tasks: readonly string[];
  readonly table: readonly TableRow[];
  readonly chosen: readonly TableRow[];
  readonly publishedTable: readonly PublishedRow[];
  readonly figures: readonly TaskFigures[];
  /** Ablations that were run. */
  readonly roc: ReadonlyMap<Ablation, readonly TaskRoc[]>;
  readonly timings: readonly CircuitTiming[];
}

/** @throws PithError "circuit" when a known circuit has a head that the model lacks. */
export function makeReproduction(input: ReproductionInput): Reproduction {
  const { model, tasks, rows, timings, known, published } = input;
  const shown = ({ task, alpha }: SweepRow) => (input.alphasOf?.get(task) ?? input.alphas).includes(alpha);
  const ofFigures = rows.filter(shown);
  const points = ofFigures.map(curvePoint);
  const sources = { rows, timings, known, headCounts: model.heads };
  const ablations = (["mean", "zero"] as const).filter((name) => rows.some((row) => row.ablation === name));
  return {
    ...{ model, tasks, timings },
    table: tableRows(input.choices, sources),
    chosen: tableRows(input.chosen, sources),
    publishedTable: published ? PUBLISHED_TABLE.filter(({ task }) => tasks.includes(task)) : [],
    figures: tasks.map((task) => ({
      task,
      ours: taskCurves(task, points),
      published: published ? publishedCurves(task) : undefined,
    })),
    roc: new Map(
      ablations.map((ablation) => [
        ablation,
        tasks.map((task) => {
          const heads = known.get(task);
          return {
            task,
            ours: heads && sweepRoc(ofFigures, { task, ablation }, heads, model.heads),
            published: published ? publishedRoc(task, ablation) : undefined,
          };
        }),
      ]),
    ),
  };
}
