/**
 * Summarises a sweep's rows by setting: mean and spread over seeds at each threshold, and how well known circuits
 * are found.
 */
import { areaUnderCurve, meanRoc, rocCurve } from "../known/recovery.ts";
import { countKept } from "../transformer/circuit.ts";
import { circuitOfRow } from "./row-circuit.ts";
import { groupBy, type Spread, spreadOf } from "./spread.ts";
import type { OfSets, SweepRow } from "./sweep-row.ts";

/** The summary of one threshold over the seeds; shares are 0 to 1, KL in nats. */
export interface AlphaSummary {
  /** The threshold, in nats. */
  readonly alpha: number;
  /** How many heads were kept. */
  readonly heads: Spread;
  /** How many MLPs were kept. */
  readonly mlps: Spread;
  /** Share of the body's parameters that is left. */
  readonly body: Spread;
  /** Accuracy on the prompts that chose the circuit. */
  readonly validation: Spread;
  /** Accuracy on the test prompts, where all seeds have them. */
  readonly test?: Spread;
  /** KL(original ‖ circuit) on the prompts that chose the circuit. */
  readonly kl: Spread;
  /** KL(original ‖ circuit) on the test prompts, where all seeds have them. */
  readonly testKl?: Spread;
}

/** Areas under the mean ROC curve of all seeds, both rates averaged at each threshold. */
export interface KnownSummary {
  /** The known circuit's id: "ioi/23", or a file's name. */
  readonly id: string;
  /** The area with (0, 0) and (1, 1) added to the curve. */
  readonly auc: number;
  /** The area between the sweep's own first and last point only, as in the paper. */
  readonly aucWithoutEnds: number;
}

/** One setting of a sweep, over its seeds. */
export interface SettingSummary {
  /** The task's name. */
  readonly task: string;
  /** The replacement of pruned components. */
  readonly ablation: "mean" | "zero";
  /** Whether MLPs could be pruned. */
  readonly mlps: boolean;
  /** The seeds that drew or split the prompts. */
  readonly seeds: readonly number[];
  /** The original's accuracy. */
  readonly original: OfSets<Spread>;
  /** One entry for each threshold, ascending. */
  readonly alphas: readonly AlphaSummary[];
  /** How well a known circuit was found, if the task has a known circuit. */
  readonly known?: KnownSummary;
}

/**
 * Groups a sweep's rows by setting: mean and spread over the seeds at each threshold. Settings have the order of
 * the rows.
 */
export function summarizeSweep(rows: readonly SweepRow[]): readonly SettingSummary[] {
  const settings = groupBy(rows, ({ task, ablation, mlps }) => JSON.stringify([task, ablation, mlps]));
  return [...settings.values()].flatMap((own) => {
    const [first] = own;
    if (first === undefined) return [];
    const { task, ablation, mlps } = first;
    // The original's values are the same in all rows of a seed.
    const bySeed = own.filter(({ alpha }) => alpha === first.alpha);
    const test = spreadOfAll(bySeed, ({ accuracy }) => accuracy.test?.original);
    const known = summarizeKnown(own);
    return [
      {
        ...{ task, ablation, mlps },
        seeds: bySeed.map(({ seed }) => seed),
        original: {
          validation: spreadOf(bySeed.map(({ accuracy }) => accuracy.validation.original)),
          ...(test && { test }),
        },
        alphas: [...groupBy(own, ({ alpha }) => alpha)]
          .sort(([a], [b]) => a - b)
          .map(([alpha, group]) => summarizeAlpha(alpha, group)),
        ...(known && { known }),
      },
    ];
  });
}

function summarizeAlpha(alpha: number, rows: readonly SweepRow[]): AlphaSummary {
  const of = (value: (row: SweepRow) => number) => spreadOf(rows.map(value));
  const test = spreadOfAll(rows, ({ accuracy }) => accuracy.test?.circuit);
  const testKl = spreadOfAll(rows, ({ kl }) => kl.test);
  return {
    alpha,
    heads: of((row) => countKept(circuitOfRow(row)).head),
    mlps: of((row) => countKept(circuitOfRow(row)).mlp),
    body: of(({ parameters }) => parameters.circuit.body / parameters.original.body),
    validation: of(({ accuracy }) => accuracy.validation.circuit),
    kl: of(({ kl }) => kl.validation),
    ...(test && { test }),
    ...(testKl && { testKl }),
  };
}

function summarizeKnown(rows: readonly SweepRow[]): KnownSummary | undefined {
  const runs = [...groupBy(rows, ({ seed }) => seed).values()].map((run) =>
    [...run].sort((a, b) => a.alpha - b.alpha).flatMap(({ known }) => known ?? []),
  );
  const id = runs[0]?.[0]?.id;
  if (id === undefined) return undefined;
  const points = meanRoc(runs);
  return {
    id,
    auc: areaUnderCurve(rocCurve(points)),
    aucWithoutEnds: areaUnderCurve(rocCurve(points, false)),
  };
}

/** Undefined unless every row has the value. */
function spreadOfAll(
  rows: readonly SweepRow[],
  value: (row: SweepRow) => number | undefined,
): Spread | undefined {
  const values = rows.flatMap((row) => value(row) ?? []);
  return values.length === rows.length && values.length > 0 ? spreadOf(values) : undefined;
}
