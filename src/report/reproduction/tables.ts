/** Tables 1 and 3 of a reproduction, and figures that the paper does not report, as HTML. */
import { PAPER_TABLE, type TableChoice } from "../../experiments/paper-settings.ts";
import type { Reproduction } from "../../experiments/reproduction.ts";
import { type Spread, scaledSpread } from "../../experiments/spread.ts";
import type { TableRow } from "../../experiments/tables.ts";
import { type Html, type HtmlValue, html } from "../html/escape.ts";
import { type Column, table } from "../html/page.ts";
import { alphaText, millionsText, percentText, spreadText } from "../spread-text.ts";

/** A row of this run or of the paper; values that the paper lacks are missing. */
type ShownRow = TableChoice & Partial<Omit<TableRow, keyof TableChoice>>;

export interface TableLine {
  /** "Pith", "your α", "published". */
  readonly source: string;
  readonly row: ShownRow;
}

interface TableColumn {
  readonly name: string;
  readonly text: (row: ShownRow) => string;
}

export interface ReproductionTable {
  readonly title: string;
  /** The meaning of its columns. */
  readonly note: string;
  readonly columns: readonly TableColumn[];
  readonly lines: readonly TableLine[];
}

const column = {
  accuracy: { name: "accuracy (%)", text: (row) => percentText(row.accuracy) },
  accuracyChange: { name: "Δ accuracy (points)", text: (row) => percentText(row.accuracyChange) },
  body: { name: "body (millions)", text: (row) => millionsText(row.body) },
  bodyCut: { name: "Δ body (%)", text: (row) => percentText(row.bodyCut) },
  tpr: { name: "TPR (%)", text: (row) => percentText(row.tpr) },
  fpr: { name: "FPR (%)", text: (row) => percentText(row.fpr) },
  time: { name: "a prompt (ms)", text: (row) => spreadText(row.milliseconds, 2) },
  timeCut: { name: "Δ a prompt (%)", text: (row) => percentText(row.timeCut) },
  batch: { name: "a set (ms)", text: (row) => spreadText(row.batchMilliseconds, 1) },
  batchCut: { name: "Δ a set (%)", text: (row) => percentText(row.batchTimeCut) },
  originalTime: { name: "original’s prompt (ms)", text: (row) => spreadText(row.originalMilliseconds, 2) },
  heads: { name: "heads kept", text: (row) => spreadText(row.heads, 1) },
  mlpsKept: { name: "MLPs kept", text: (row) => spreadText(row.mlpsKept, 1) },
  test: { name: "test accuracy (%)", text: (row) => percentText(row.testAccuracy) },
  testChange: { name: "Δ test accuracy (points)", text: (row) => percentText(row.testAccuracyChange) },
  kl: { name: "KL (nats)", text: (row) => spreadText(row.kl, 3) },
  testKl: { name: "test KL (nats)", text: (row) => spreadText(row.testKl, 3) },
  yearMass: { name: "p(later) − p(earlier) (circuit)", text: (row) => spreadText(row.yearMass, 3) },
  originalYearMass: {
    name: "p(later) − p(earlier) (original)",
    text: (row) => spreadText(row.originalYearMass, 3),
  },
  parameters: { name: "all parameters (millions)", text: (row) => millionsText(row.parameters) },
  parametersCut: { name: "Δ all (%)", text: (row) => percentText(row.parametersCut) },
  file: {
    name: "file (MB)",
    text: (row) => spreadText(row.bytes && scaledSpread(row.bytes, 1e-6), 2),
  },
  fileCut: { name: "Δ file (%)", text: (row) => percentText(row.bytesCut) },
} as const satisfies Readonly<Record<string, TableColumn>>;

/** The paper's two tables, and one with figures that it does not report. */
export function reproductionTables(reproduction: Reproduction): readonly ReproductionTable[] {
  const { table: rows, chosen, publishedTable } = reproduction;
  const all = inOrder(rows, chosen, publishedTable);
  const ours = inOrder(rows, chosen, []);
  const ofYears = ours.filter(({ row }) => row.yearMass !== undefined);
  return [
    {
      title: "Table 1. Accuracy, size and known heads",
      note: `Accuracy on the validation prompts, which chose the circuit, as in the paper. Δ body: share of the matrices of heads and MLPs that is gone. TPR, FPR: known heads that stay, other heads that stay.${rows.some(({ known }) => known === undefined) ? " No circuit of this model is known for tasks without them: give your own with --known TASK=FILE." : ""}`,
      columns: [column.accuracy, column.bodyCut, column.tpr, column.fpr],
      lines: all,
    },
    {
      title: "Table 3. Changes, parameters and time",
      note: `Δ accuracy: circuit less original. Times are ONNX Runtime's own in one thread: of one prompt (median), and of a whole validation set at once (mean of five calls), which is what the paper times; Δ is what the circuit saves against the original, run in turns on this machine.${publishedTable.length > 0 ? " Published sizes count biases and norms as well (shares differ by less than 0.05 points); published times are of GPU calls that are not waited for: a cut in time far beyond the cut in weights cannot be." : ""}`,
      columns: [
        ...[column.accuracy, column.accuracyChange, column.body],
        ...[column.bodyCut, column.time, column.timeCut, column.batch, column.batchCut],
      ],
      lines: all,
    },
    {
      title: "Beyond the paper: unseen prompts, and how far the circuit is from the original",
      note: "Test prompts were seen neither by the means nor by the search. KL(original ‖ circuit) at the answer, of the finished circuit: increments below α add up.",
      columns: [
        ...[column.heads, column.mlpsKept, column.test],
        ...[column.testChange, column.kl, column.testKl],
      ],
      lines: ours,
    },
    {
      title: "Beyond the paper: the whole model",
      note: "All parameters: embeddings, biases, norms and the constants that pruned components leave, too. File: float32 weights of circuit and original alike.",
      columns: [
        ...[column.parameters, column.parametersCut, column.file],
        ...[column.fileCut, column.originalTime, column.time],
      ],
      lines: ours,
    },
    ...(ofYears.length === 0
      ? []
      : [
          {
            title: "Beyond the paper: probability of later years",
            note: "p(later) − p(earlier): how much more probability the years after the prompt's get than those up to it, −1 to 1, on the test prompts. Accuracy can't tell a circuit that names one late year whatever it is asked; this can.",
            columns: [column.originalYearMass, column.yearMass],
            lines: ofYears,
          },
        ]),
  ];
}

/** One table for a terminal: this run's most important figures. */
export function summaryTable({ table: rows, chosen }: Reproduction): ReproductionTable {
  const short = (share: Spread | undefined) => spreadText(share && scaledSpread(share, 100), 1);
  const hasTest = rows.some(({ testAccuracy }) => testAccuracy !== undefined);
  return {
    title: "At the tables' thresholds, mean ablation (%)",
    note: "",
    columns: [
      { name: "accuracy", text: (row) => short(row.accuracy) },
      ...(hasTest ? [{ name: "unseen", text: (row: ShownRow) => short(row.testAccuracy) }] : []),
      { name: "body cut", text: (row) => short(row.bodyCut) },
      { name: "prompt’s time cut", text: (row) => short(row.timeCut) },
    ],
    lines: inOrder(rows, chosen, []),
  };
}

/** By task and MLPs: this run, this run at the user's α, the paper. */
function inOrder(
  ours: readonly TableRow[],
  chosen: readonly TableRow[],
  published: readonly ShownRow[],
): readonly TableLine[] {
  const places = new Map<string, TableLine[]>();
  const add = (source: string, rows: readonly ShownRow[]) => {
    for (const row of rows) {
      const key = `${row.task} ${row.mlps}`;
      places.set(key, [...(places.get(key) ?? []), { source, row }]);
    }
  };
  add("Pith", ours);
  add("your α", chosen);
  add("published", published);
  const paper = PAPER_TABLE.map(({ task, mlps }) => `${task} ${mlps}`);
  const rank = (key: string) => paper.indexOf(key) + 1 || paper.length + 1;
  return [...places].sort(([a], [b]) => rank(a) - rank(b)).flatMap(([, lines]) => lines);
}

export function tableHtml({ title, note, columns, lines }: ReproductionTable): Html {
  const sources = new Set(lines.map(({ source }) => source));
  const heads: readonly Column[] = [
    { name: "task" },
    { name: "MLPs" },
    ...(sources.size > 1 ? [{ name: "by" }] : []),
    { name: "α", number: true },
    ...columns.map(({ name }) => ({ name: heading(name), number: true })),
  ];
  const rows = lines.map(({ source, row }): readonly HtmlValue[] => [
    row.task,
    row.mlps ? "pruned" : "kept",
    ...(sources.size > 1 ? [source] : []),
    alphaText(row.alpha),
    ...columns.map(({ text }) => text(row)),
  ]);
  return html`<h3>${title}</h3>
<p class="note">${note}</p>
${table({ caption: title, columns: heads, rows })}
`;
}

/** The unit is below the name, so that columns stay narrow. */
function heading(name: string): HtmlValue {
  const [, what, unit] = /^(.*) (\([^)]*\))$/.exec(name) ?? [];
  return what === undefined || unit === undefined ? name : html`${what}<br>${unit}`;
}
