/**
 * A sweep for a terminal: its progress while it runs, and a compact table for each setting at its end. The rows
 * with all thresholds are in the sweep's own files.
 */

import type { SweepOutcome } from "../experiments/run-sweep.ts";
import type { Spread } from "../experiments/spread.ts";
import { type AlphaSummary, type SettingSummary, summarizeSweep } from "../experiments/sweep-summary.ts";
import type { SweepEvent } from "../jobs/events.ts";
import { formatCount, formatDuration, formatKl, formatShare, plural } from "./format.ts";
import { layOut, type Row, wrap } from "./layout.ts";
import type { TerminalStyle } from "./terminal-style.ts";

/** @param first this run's first event; @param seconds since then. */
export function sweepProgress(first: SweepEvent, now: SweepEvent, seconds: number): readonly string[] {
  const parts = [`${now.units} of ${plural(now.total, "unit")}`, plural(now.evaluations, "evaluation")];
  const done = now.work - first.work;
  // The speed of the first unit is not reliable before a part of it is done.
  if (done > 0.02 && seconds > 1 && now.work < now.total) {
    parts.push(`about ${formatDuration((seconds * (now.total - now.work)) / done)} left`);
  }
  return parts;
}

/** How many thresholds a table shows at most. */
const SHOWN = 6;

export function sweepReport(outcome: SweepOutcome, notes: readonly string[], style: TerminalStyle): string {
  const { model, rows, units, share, seconds, resumedUnits, folder } = outcome;
  const evaluations = sum(units.map((unit) => unit.evaluations));
  const separately = sum(units.map((unit) => unit.separately));
  const circuits = new Set(rows.map(({ alpha: _, known: _known, ...row }) => JSON.stringify(row))).size;
  const settings = summarizeSweep(rows);
  const facts: readonly Row[] = [
    [
      "evaluations",
      `${formatCount(evaluations)}, where a search for each α makes ${formatCount(separately)}`,
    ],
    ["circuits", `${formatCount(circuits)} different ones for ${plural(rows.length, "row")}`],
    [
      "took",
      `${formatDuration(seconds)} for ${plural(units.length, "unit")}, ${share.jobs} at a time with ${plural(share.threads, "thread")} each`,
      ...(resumedUnits === 0
        ? []
        : [`${plural(resumedUnits, "unit")} of them taken over from an earlier run`]),
    ],
    ...(folder === undefined ? [] : [["files", `${folder}: sweep.csv, sweep.jsonl, sweep.json`] as const]),
    ...(rows.some(({ firstPosition }) => firstPosition === "apart")
      ? [["means", "pooled, the first position apart"] as const]
      : []),
    ...(notes.length === 0 ? [] : [["note", ...notes] as const]),
  ];
  return [
    ...settings.flatMap((setting) => [...settingTable(model.name, setting, style), ""]),
    ...layOut(facts, style),
  ]
    .map((line) => line.trimEnd())
    .join("\n");
}

function settingTable(model: string, setting: SettingSummary, style: TerminalStyle): readonly string[] {
  const { task, ablation, mlps, seeds, original, alphas, known } = setting;
  const title = `${model} on ${task}, ${ablation} ablation, ${mlps ? "MLPs on trial" : "MLPs stay"}`;
  const test = original.test === undefined ? "" : `, ${spread(original.test, percent)} on test prompts`;
  const intro = `the original's accuracy: ${spread(original.validation, percent)} on validation prompts${test}; ${plural(seeds.length, "seed")}`;
  const cells = [
    ["α", "heads", "MLPs", "body", "accuracy %", "on test %", "KL nats", "KL on test"],
    ...some(alphas).map((each) => [
      Number(each.alpha.toPrecision(3)).toString(),
      each.heads.mean.toFixed(seeds.length > 1 ? 1 : 0),
      each.mlps.mean.toFixed(seeds.length > 1 ? 1 : 0),
      formatShare(each.body.mean),
      spread(each.validation, percent),
      each.test === undefined ? "" : spread(each.test, percent),
      spread(each.kl, formatKl),
      each.testKl === undefined ? "" : spread(each.testKl, formatKl),
    ]),
  ];
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => (row[column] ?? "").length)),
  );
  const lines = cells.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join("  "));
  const [head = "", ...body] = lines;
  return [
    ` ${style.bold(title)}`,
    ...wrap(intro, style.width - 1).map((line) => ` ${style.dim(line)}`),
    ` ${style.dim(head)}`,
    ...body.map((line) => ` ${line}`),
    ...(known === undefined
      ? []
      : [
          ` known circuit ${known.id}: AUC ${known.auc.toFixed(3)}, ${known.aucWithoutEnds.toFixed(3)} without the curve's ends, as published`,
        ]),
  ];
}

/** Thresholds spread evenly over the list, both ends included. */
function some(alphas: readonly AlphaSummary[]): readonly AlphaSummary[] {
  if (alphas.length <= SHOWN) return alphas;
  const chosen = Array.from({ length: SHOWN }, (_, at) =>
    Math.round((at * (alphas.length - 1)) / (SHOWN - 1)),
  );
  return chosen.flatMap((index) => alphas[index] ?? []);
}

const percent = (value: number): string => (100 * value).toFixed(1);

function spread({ mean, std }: Spread, format: (value: number) => string): string {
  return std === undefined ? format(mean) : `${format(mean)} ± ${format(std)}`;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
