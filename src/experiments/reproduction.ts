/**
 * The paper's tables and figures as data, from a sweep's rows, timings and known circuits, with the published
 * ones beside them if the model has GPT-2 small's shape. A pure function; `report/` writes the text.
 */
import type { ParameterCount } from "../measure/parameters.ts";
import { curvePoint, type RocCurves, sweepRoc, type TaskCurves, taskCurves } from "./curves.ts";
import type { Ablation, TableChoice } from "./paper-settings.ts";
import { PUBLISHED_TABLE, type PublishedRow, publishedCurves, publishedRoc } from "./published.ts";
import { PUBLISHED_STUDENTS, type PublishedStudent } from "./published-students.ts";
import type { StudentRow } from "./students.ts";
import type { SweepRow } from "./sweep-row.ts";
import { type CircuitTiming, type KnownHeads, type TableRow, tableRows } from "./tables.ts";

/** The model that the experiments were done on. */
export interface ReproductionModel {
  /** The model's name. */
  readonly name: string;
  /** How many heads each layer has. */
  readonly heads: readonly number[];
  /** The width of the residual stream. */
  readonly width: number;
  /** The original's parameters, counted by what they are. */
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
  /** Thresholds by task, where its figures show other ones. */
  readonly alphasOf?: ReadonlyMap<string, readonly number[]>;
  /** The tables' thresholds: the paper's, and the user's. */
  readonly choices: readonly TableChoice[];
  readonly chosen: readonly TableChoice[];
  /** The rows of Table 2; left out: no students were trained. */
  readonly students?: readonly StudentRow[];
  /** Known heads by task. */
  readonly known: ReadonlyMap<string, KnownHeads>;
  /** Whether the paper's own values are shown too. */
  readonly published: boolean;
}

/** A task's curves, and the published ones if they are shown. */
export interface TaskFigures {
  /** The task's name. */
  readonly task: string;
  /** The curves of this run. */
  readonly ours: TaskCurves;
  /** The published curves, if they are shown. */
  readonly published: TaskCurves | undefined;
}

/** A task's panel of Figure 8 or 9; one of the two parts may be missing, or both. */
export interface TaskRoc {
  /** The task's name. */
  readonly task: string;
  /** The curves of this run; undefined where no known circuit fits the model. */
  readonly ours: RocCurves | undefined;
  /** The published curves, if they are shown. */
  readonly published: RocCurves | undefined;
}

/** The paper's tables and figures as data. */
export interface Reproduction {
  /** The model that the experiments were done on. */
  readonly model: ReproductionModel;
  /** The tasks, by name, in the tables' order. */
  readonly tasks: readonly string[];
  /** The rows of Tables 1 and 3, at the paper's thresholds. */
  readonly table: readonly TableRow[];
  /** The same rows at thresholds that the user chose. */
  readonly chosen: readonly TableRow[];
  /** The published rows; empty if they are not shown. */
  readonly publishedTable: readonly PublishedRow[];
  /** The rows of Table 2; empty if no students were trained. */
  readonly students: readonly StudentRow[];
  /** The published rows of Table 2; empty if they are not shown. */
  readonly publishedStudents: readonly PublishedStudent[];
  /** The curves of Figures 2 to 7, a task each. */
  readonly figures: readonly TaskFigures[];
  /** The panels of Figures 8 and 9, by the ablations that were run. */
  readonly roc: ReadonlyMap<Ablation, readonly TaskRoc[]>;
  /** Time and storage of the tables' circuits on this machine. */
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
    students: input.students ?? [],
    publishedStudents: published ? PUBLISHED_STUDENTS.filter(({ task }) => tasks.includes(task)) : [],
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
