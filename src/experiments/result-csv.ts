/** The numbers of every table and figure as CSV; docs/reproduce.md explains the columns. */
import { type CsvCell, type CsvColumn, formatCsv } from "./csv.ts";
import type { RocCurves, TaskCurves } from "./curves.ts";
import type { TableChoice } from "./paper-settings.ts";
import type { PublishedRow } from "./published.ts";
import type { PublishedStudent } from "./published-students.ts";
import type { Spread } from "./spread.ts";
import type { StudentRow } from "./students.ts";
import type { CircuitTiming, TableRow } from "./tables.ts";

/** "pith" for what this run measured, "published" for the paper's own files. */
export type Source = "pith" | "published";

/** The two columns of a spread: mean and deviation. */
function spread<Row>(name: string, value: (row: Row) => Spread | undefined): readonly CsvColumn<Row>[] {
  return [
    [`${name}_mean`, (row) => value(row)?.mean],
    [`${name}_std`, (row) => value(row)?.std],
  ];
}

type AnyRow = TableChoice & Partial<Omit<TableRow, keyof TableChoice>>;
interface TableLine {
  readonly source: Source;
  readonly row: AnyRow;
}

const choiceColumns: readonly CsvColumn<TableLine>[] = [
  ["source", ({ source }) => source],
  ["task", ({ row }) => row.task],
  ["alpha", ({ row }) => row.alpha],
  ["mlps", ({ row }) => (row.mlps ? "on" : "off")],
  ["runs", ({ row }) => row.runs ?? row.accuracy?.count],
];

type SpreadName = {
  [Name in keyof TableRow]-?: NonNullable<TableRow[Name]> extends Spread ? Name : never;
}[keyof TableRow];

const spreads = (columns: readonly (readonly [name: string, field: SpreadName])[]) =>
  columns.flatMap(([name, field]) => spread<TableLine>(name, ({ row }) => row[field]));

function tableCsv(
  columns: readonly CsvColumn<TableLine>[],
  ours: readonly TableRow[],
  published: readonly PublishedRow[],
): string {
  return formatCsv(
    [...choiceColumns, ...columns],
    [
      ...ours.map((row): TableLine => ({ source: "pith", row })),
      ...published.map((row): TableLine => ({ source: "published", row })),
    ],
  );
}

/** Accuracy, the cut in the body's parameters, and the rates. */
export function table1Csv(ours: readonly TableRow[], published: readonly PublishedRow[]): string {
  const known: CsvColumn<TableLine> = ["known", ({ row }) => row.known];
  return tableCsv(
    [
      ...spreads([
        ["accuracy", "accuracy"],
        ["body_cut", "bodyCut"],
      ]),
      known,
      ...spreads([
        ["tpr", "tpr"],
        ["fpr", "fpr"],
      ]),
    ],
    ours,
    published,
  );
}

/**
 * Accuracy and its change, body parameters and their cut, and times and their cut for one prompt and for a
 * validation set.
 */
export function table3Csv(ours: readonly TableRow[], published: readonly PublishedRow[]): string {
  return tableCsv(
    spreads([
      ["accuracy", "accuracy"],
      ["accuracy_change", "accuracyChange"],
      ["body", "body"],
      ["body_cut", "bodyCut"],
      ["milliseconds", "milliseconds"],
      ["time_cut", "timeCut"],
      ["batch_milliseconds", "batchMilliseconds"],
      ["batch_time_cut", "batchTimeCut"],
    ]),
    ours,
    published,
  );
}

/** Values that the paper does not report. */
export function beyondCsv(ours: readonly TableRow[]): string {
  return tableCsv(
    spreads([
      ["heads", "heads"],
      ["mlps_kept", "mlpsKept"],
      ["test_accuracy", "testAccuracy"],
      ["test_accuracy_change", "testAccuracyChange"],
      ["kl", "kl"],
      ["test_kl", "testKl"],
      ["year_mass_original", "originalYearMass"],
      ["year_mass", "yearMass"],
      ["parameters", "parameters"],
      ["parameters_cut", "parametersCut"],
      ["bytes", "bytes"],
      ["bytes_cut", "bytesCut"],
      ["original_milliseconds", "originalMilliseconds"],
      ["original_batch_milliseconds", "originalBatchMilliseconds"],
      ["milliseconds", "milliseconds"],
      ["time_cut", "timeCut"],
    ]),
    ours,
    [],
  );
}

/** One line for each circuit that was timed. */
export function timingsCsv(timings: readonly CircuitTiming[]): string {
  return formatCsv<CircuitTiming>(
    [
      ["task", ({ task }) => task],
      ["alpha", ({ alpha }) => alpha],
      ["mlps", ({ mlps }) => (mlps ? "on" : "off")],
      ["seed", ({ seed }) => seed],
      ...(["original", "circuit"] as const).flatMap((which) =>
        (["median", "min", "max", "runs"] as const).map(
          (figure): CsvColumn<CircuitTiming> => [
            `${which}_${figure === "runs" ? "runs" : `milliseconds_${figure}`}`,
            (timing) => timing[which][figure],
          ],
        ),
      ),
      ["original_batch_milliseconds", ({ batch }) => batch.original],
      ["circuit_batch_milliseconds", ({ batch }) => batch.circuit],
      ["original_bytes", ({ bytes }) => bytes.original],
      ["circuit_bytes", ({ bytes }) => bytes.circuit],
    ],
    timings,
  );
}

/** The numbers of both figures of a task: size against α, accuracy against size. */
export function curvesCsv(
  sources: readonly { readonly source: Source; readonly curves: TaskCurves }[],
): string {
  const lines = sources.flatMap(({ source, curves }) =>
    curves.curves.flatMap(({ points, ...setting }) =>
      points.map((point) => ({ source, task: curves.task, setting, point })),
    ),
  );
  type Line = (typeof lines)[number];
  return formatCsv<Line>(
    [
      ["source", ({ source }) => source],
      ["task", ({ task }) => task],
      ["ablation", ({ setting }) => setting.ablation],
      ["mlps", ({ setting }) => (setting.mlps ? "on" : "off")],
      ["alpha", ({ point }) => point.alpha],
      ["runs", ({ point }) => point.body.count],
      ...spread<Line>("body", ({ point }) => point.body),
      ...spread<Line>("body_share", ({ point }) => point.kept),
      ...spread<Line>("accuracy", ({ point }) => point.accuracy),
      ...spread<Line>("test_accuracy", ({ point }) => point.testAccuracy),
    ],
    lines,
  );
}

/** Every run's rates at every threshold; run "mean" is their mean, which is what the figure's curve shows. */
export function rocCsv(sources: readonly { readonly source: Source; readonly roc: RocCurves }[]): string {
  const lines = sources.flatMap(({ source, roc }) =>
    [
      ...roc.runs.map((points, run) => ({ run: String(run + 1), points })),
      { run: "mean", points: roc.mean },
    ].flatMap(({ run, points }) =>
      points.map((point, index) => ({ source, roc, run, point, alpha: roc.alphas[index] })),
    ),
  );
  const cell = (value: (line: (typeof lines)[number]) => CsvCell) => value;
  return formatCsv(
    [
      ["source", cell(({ source }) => source)],
      ["task", cell(({ roc }) => roc.task)],
      ["ablation", cell(({ roc }) => roc.ablation)],
      ["known", cell(({ roc }) => roc.known)],
      ["run", cell(({ run }) => run)],
      ["alpha", cell(({ alpha }) => alpha)],
      ["tpr", cell(({ point }) => point.tpr)],
      ["fpr", cell(({ point }) => point.fpr)],
    ],
    lines,
  );
}

type StudentLine = Partial<StudentRow> & PublishedStudent & { readonly source: Source };

/** Students beside circuits of their size. */
export function table2Csv(ours: readonly StudentRow[], published: readonly PublishedStudent[]): string {
  const columns: readonly CsvColumn<StudentLine>[] = [
    ["source", ({ source }) => source],
    ["task", ({ task }) => task],
    ["alpha", ({ alpha }) => alpha],
    ["mlps", ({ mlps }) => (mlps ? "on" : "off")],
    ["seed", ({ seed }) => seed],
    ["circuit_body", ({ circuitBody }) => circuitBody],
    ["circuit_accuracy", ({ circuitAccuracy }) => circuitAccuracy],
    ["circuit_test_accuracy", ({ circuitTestAccuracy }) => circuitTestAccuracy],
    ["layers", ({ layers }) => layers],
    ["body", ({ body }) => body],
    ["accuracy", ({ accuracy }) => accuracy],
    ["test_accuracy", ({ testAccuracy }) => testAccuracy],
    ["epoch", ({ epoch }) => epoch],
  ];
  return formatCsv(columns, [
    ...ours.map((row): StudentLine => ({ ...row, source: "pith" })),
    ...published.map((row): StudentLine => ({ ...row, source: "published" })),
  ]);
}

/** The course of every training of Table 2. */
export function studentCurvesCsv(students: readonly StudentRow[]): string {
  type Line = { readonly row: StudentRow; readonly point: StudentRow["curve"][number] };
  const columns: readonly CsvColumn<Line>[] = [
    ["task", ({ row }) => row.task],
    ["alpha", ({ row }) => row.alpha],
    ["mlps", ({ row }) => (row.mlps ? "on" : "off")],
    ["layers", ({ row }) => row.layers],
    ["epoch", ({ point }) => point.epoch],
    ["steps", ({ point }) => point.steps],
    ["loss", ({ point }) => point.loss],
    ["validation_accuracy", ({ point }) => point.validation.accuracy],
    ["validation_kl", ({ point }) => point.validation.kl],
  ];
  return formatCsv(
    columns,
    students.flatMap((row) => row.curve.map((point): Line => ({ row, point }))),
  );
}
