/** A reproduction for a terminal: the main columns of the tables, and the folder with everything else. */
import type { Reproduction } from "../experiments/reproduction.ts";
import { formatCount, formatDuration } from "./format.ts";
import { wrap } from "./layout.ts";
import type { RunFacts } from "./reproduction/page.ts";
import { type ReproductionTable, summaryTable, type TableLine } from "./reproduction/tables.ts";
import { alphaText } from "./spread-text.ts";
import type { TerminalStyle } from "./terminal-style.ts";

/** @param folder of the results. */
export function reproductionReport(
  reproduction: Reproduction,
  facts: Pick<RunFacts, "evaluations" | "separately" | "sweepSeconds" | "timingSeconds" | "notes">,
  folder: string,
  style: TerminalStyle,
): string {
  const { evaluations, separately, sweepSeconds, timingSeconds, notes } = facts;
  const table = summaryTable(reproduction);
  const lines =
    table.lines.length === 0
      ? []
      : [
          ...wrap(table.title, style.width - 2).map((line) => ` ${style.bold(line)}`),
          ...tableLines(table, style),
          ...(reproduction.chosen.length > 0 ? [style.dim(" * at a threshold of your choice")] : []),
          "",
        ];
  const effort = `${formatCount(evaluations)} evaluations, where a search for each threshold alone needs ${formatCount(separately)}; the sweep took ${formatDuration(sweepSeconds)}, timing ${formatDuration(timingSeconds)}.`;
  const rest = [
    effort,
    ...notes,
    `Tables 1 and 3, Figures 2 to 9 (SVG, CSV) and report.html lie in ${folder}`,
  ];
  return [...lines, ...rest.flatMap((text) => wrap(text, style.width - 2).map((line) => ` ${line}`))].join(
    "\n",
  );
}

/** Columns as wide as they must be; in a narrower terminal, each row's cells are below its name. */
function tableLines({ columns, lines }: ReproductionTable, style: TerminalStyle): readonly string[] {
  const head = ["", "α", ...columns.map(({ name }) => name)];
  const body = lines.map((line) => [
    lineName(line),
    alphaText(line.row.alpha),
    ...columns.map(({ text }) => text(line.row)),
  ]);
  const widths = head.map((name, index) =>
    Math.max(name.length, ...body.map((cells) => cells[index]?.length ?? 0)),
  );
  const total = widths.reduce((sum, width) => sum + width + 2, 1);
  if (total - 2 > style.width) {
    return body.flatMap(([name, alpha, ...cells]) => [
      ` ${name}, α ${alpha}`,
      ...cells.map((cell, index) => `   ${style.dim(columns[index]?.name ?? "")} ${cell}`),
    ]);
  }
  const row = (cells: readonly string[]) =>
    ` ${cells.map((cell, index) => (index < 1 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0))).join("  ")}`.trimEnd();
  return [style.dim(row(head)), ...body.map(row)];
}

/** "ioi", "ioi +MLPs" if MLPs may be pruned, "ioi *" at the user's own threshold. */
function lineName({ source, row }: TableLine): string {
  return `${row.task}${row.mlps ? " +MLPs" : ""}${source === "Pith" ? "" : " *"}`;
}
