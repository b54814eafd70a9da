/**
 * The paper's own results, from its published files (test/published), in the same form as Pith's results. Figures
 * and tables show them beside a reproduction on GPT-2 small.
 */
import type { CurvePoint, RocCurves, TaskCurves } from "./curves.ts";
import { rocCurves, taskCurves } from "./curves.ts";
import type { Ablation, TableChoice } from "./paper-settings.ts";
import results from "./published-results.json" with { type: "json" };
import { type Spread, spreadOf } from "./spread.ts";

/**
 * GPT-2 small's size in these files. It counts biases and norms as well as matrices (84,934,656), but no
 * embeddings. For a circuit it counts those of the kept components, and none of the constants that replace pruned
 * ones.
 * @internal
 */
export const PUBLISHED_BODY = 85_056_000;

/** Whether a model has GPT-2 small's shape, so that published values can be shown beside its own. */
export function hasPublishedShape(heads: readonly number[], width: number): boolean {
  return heads.length === 12 && heads.every((count) => count === 12) && width === 768;
}

/**
 * Every point of Figures 2 to 7 for a task, by setting, run and α; empty for a task that the paper does not have.
 * @internal
 */
export function publishedPoints(task: string): readonly CurvePoint[] {
  const sweep = results.sweeps.find((each) => each.task === task);
  if (sweep === undefined) return [];
  return sweep.settings.flatMap(({ ablation, mlps, runs }) =>
    runs.flatMap(({ right, size }) =>
      sweep.alphas.map((alpha, index) => ({
        ...{ task, ablation: asAblation(ablation), mlps, alpha },
        body: at(size, index),
        originalBody: PUBLISHED_BODY,
        accuracy: at(right, index) / sweep.prompts,
      })),
    ),
  );
}

export function publishedCurves(task: string): TaskCurves | undefined {
  const points = publishedPoints(task);
  return points.length === 0 ? undefined : taskCurves(task, points);
}

/** The published Figure 8 or 9. */
export function publishedRoc(task: string, ablation: Ablation): RocCurves | undefined {
  const roc = results.roc.find((each) => each.task === task);
  const sweep = results.sweeps.find((each) => each.task === task);
  if (roc === undefined || sweep === undefined) return undefined;
  return rocCurves(
    { task, ablation, known: `${task}/${roc.known}` },
    sweep.alphas,
    roc[ablation].map(({ truePositives, falsePositives }) =>
      sweep.alphas.map((_, index) => ({
        tpr: at(truePositives, index) / roc.known,
        fpr: at(falsePositives, index) / (roc.heads - roc.known),
      })),
    ),
  );
}

/** A row of Tables 1 and 3 from the paper's files. Shares and changes are 0 … 1, not percent. */
export interface PublishedRow extends TableChoice {
  /** Accuracy on the prompts that chose the circuit. */
  readonly accuracy: Spread;
  /** The circuit's accuracy less the original's. */
  readonly accuracyChange: Spread;
  /** Body parameters that are left. */
  readonly body: Spread;
  /** Share of the body parameters that were removed. */
  readonly bodyCut: Spread;
  /**
   * Time of a whole validation set at once, on the authors' GPU; their code does not wait for the GPU's calls to
   * end: see docs/reproduce.md.
   */
  readonly batchMilliseconds: Spread;
  /** Share of the time that was saved. */
  readonly batchTimeCut: Spread;
  /** Share of the known circuit's heads that were kept. */
  readonly tpr: Spread;
  /** Share of all other heads that were kept. */
  readonly fpr: Spread;
}

/** The rows in the tables' order. */
export const PUBLISHED_TABLE: readonly PublishedRow[] = results.tables.map((row) => ({
  ...{ task: row.task, mlps: row.mlps, alpha: row.alpha },
  accuracy: spreadOf(row.accuracy),
  accuracyChange: spreadOf(row.accuracyChange),
  body: spreadOf(row.size),
  bodyCut: spreadOf(row.sizeCut),
  batchMilliseconds: spreadOf(row.seconds.map((seconds) => seconds * 1000)),
  batchTimeCut: spreadOf(row.timeCut),
  tpr: spreadOf(row.tpr),
  fpr: spreadOf(row.fpr),
}));

function at(values: readonly number[], index: number): number {
  const value = values[index];
  if (value === undefined) throw new RangeError(`the published results have no value ${index}`);
  return value;
}

function asAblation(name: string): Ablation {
  if (name === "mean" || name === "zero") return name;
  throw new RangeError(`the published results have the ablation ${name}`);
}
