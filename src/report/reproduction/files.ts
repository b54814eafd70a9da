/**
 * The files that `pith reproduce` writes in addition to the sweep's own: tables and figures as CSV and SVG, and
 * the page.
 */
import type { Reproduction } from "../../experiments/reproduction.ts";
import {
  beyondCsv,
  studentCurvesCsv,
  table1Csv,
  table2Csv,
  table3Csv,
  timingsCsv,
} from "../../experiments/result-csv.ts";
import { fileTheme } from "../charts/theme.ts";
import { reproductionFigures } from "./figures.ts";
import { type RunFacts, reproductionPage } from "./page.ts";
import { reproductionTables } from "./tables.ts";

/**
 * Makes the files of a reproduction, by name: the page, and every table and figure as CSV and SVG.
 * @param document that charts are drawn with: linkedom's, or a browser's own.
 */
export function reproductionFiles(
  reproduction: Reproduction,
  facts: RunFacts,
  document: Document,
): ReadonlyMap<string, string> {
  const figures = reproductionFigures(reproduction);
  const ours = [...reproduction.table, ...reproduction.chosen];
  const published = reproduction.publishedTable;
  return new Map([
    [
      "report.html",
      reproductionPage(reproduction, figures, reproductionTables(reproduction), facts, document),
    ],
    ["table-1.csv", table1Csv(ours, published)],
    ["table-3.csv", table3Csv(ours, published)],
    ["table-beyond.csv", beyondCsv(ours)],
    ...(reproduction.students.length === 0
      ? []
      : [
          ["table-2.csv", table2Csv(reproduction.students, reproduction.publishedStudents)] as const,
          ["students.csv", studentCurvesCsv(reproduction.students)] as const,
        ]),
    ["timings.csv", timingsCsv(reproduction.timings)],
    ...figures.flatMap((figure): readonly (readonly [string, string])[] => [
      [`${figure.fileName}.svg`, `${figure.draw({ document, theme: fileTheme })}\n`],
      [`${figure.fileName}.csv`, figure.csv],
    ]),
  ]);
}
