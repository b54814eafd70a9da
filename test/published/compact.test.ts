/** What ships of the paper's results is what its files say, to the last prompt; and it gives the paper's tables. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { PAPER_SETTINGS, PAPER_TABLE } from "../../src/experiments/paper-settings.ts";
import {
  hasPublishedShape,
  PUBLISHED_BODY,
  PUBLISHED_TABLE,
  publishedCurves,
  publishedPoints,
  publishedRoc,
} from "../../src/experiments/published.ts";
import { type Spread, scaledSpread } from "../../src/experiments/spread.ts";
import { column, compactFile, compactResults, publishedTasks, readCsv, runNumbers } from "./compact.ts";

test("published values stand beside a model of GPT-2 small's shape alone", () => {
  const twelve = Array<number>(12).fill(12);
  expect(hasPublishedShape(twelve, 768)).toBe(true);
  expect(hasPublishedShape(twelve, 1024)).toBe(false);
  expect(hasPublishedShape(twelve.slice(1), 768)).toBe(false);
  expect(hasPublishedShape([...twelve.slice(1), 6], 768)).toBe(false);
});

test("the shipped file is made of these files", () => {
  expect(JSON.parse(readFileSync(compactFile, "utf8"))).toEqual(compactResults());
});

describe.each(publishedTasks)("%s", (task) => {
  test("Figures 2 to 7: every accuracy, size and threshold of five runs", () => {
    const points = publishedPoints(task);
    expect(points).toHaveLength(5 * 4 * 30);
    for (const setting of PAPER_SETTINGS) {
      const own = points.filter((p) => p.ablation === setting.ablation && p.mlps === setting.mlps);
      for (const run of runNumbers) {
        const rows = readCsv(`hyperparameter/${task}_results_${run}.csv`).filter(
          (row) =>
            row["ablation_scheme"] === setting.ablation &&
            row["include_mlps"] === (setting.mlps ? "True" : "False"),
        );
        const ours = own.slice((run - 1) * 30, run * 30);
        expect(ours.map(({ alpha }) => alpha)).toEqual(column(rows, "threshold"));
        expect(ours.map(({ body }) => body)).toEqual(column(rows, "size"));
        for (const [index, accuracy] of column(rows, "accuracy").entries()) {
          // float32 in the files
          expect(Math.abs((ours[index]?.accuracy ?? Number.NaN) - accuracy)).toBeLessThan(1e-7);
        }
      }
    }
  });

  test("its sizes are heads × 196,800 + MLPs × 4,722,432 + norms: shares of the matrices differ by < 0.05 points", () => {
    for (const run of runNumbers) {
      const rows = readCsv(`hyperparameter/${task}_results_${run}.csv`);
      const [heads, mlps, sizes] = ["n_heads", "n_mlp", "size"].map((name) => column(rows, name));
      for (const [index, size] of (sizes ?? []).entries()) {
        const [gone, mlpsGone] = [144 - (heads?.[index] ?? 0), 12 - (mlps?.[index] ?? 0)];
        const norms = PUBLISHED_BODY - gone * 196_800 - mlpsGone * 4_722_432 - size;
        // b_O and a norm of each layer without heads, a norm of each without its MLP, in units of the width.
        expect(norms % 768).toBe(0);
        expect(norms / 768).toBeGreaterThanOrEqual(2 * mlpsGone);
        expect(norms / 768).toBeLessThanOrEqual(2 * mlpsGone + 3 * 12);
        const matrices = 1 - (gone * 196_608 + mlpsGone * 4_718_592) / 84_934_656;
        expect(Math.abs(matrices - size / PUBLISHED_BODY)).toBeLessThan(5e-4);
      }
    }
  });

  test("Figures 8 and 9: every rate of five runs", () => {
    for (const ablation of ["mean", "zero"] as const) {
      const roc = publishedRoc(task, ablation);
      for (const run of runNumbers) {
        const rows = readCsv(`roc/${task}_${ablation}_${run}.csv`);
        expect(roc?.alphas).toEqual(column(rows, "threshold"));
        for (const rate of ["tpr", "fpr"] as const) {
          const ours = roc?.runs[run - 1]?.map((point) => point[rate]) ?? [];
          for (const [index, value] of column(rows, rate.toUpperCase()).entries()) {
            expect(ours[index]).toBeCloseTo(value, 14);
          }
        }
      }
    }
  });
});

test("means and spreads over five runs, by hand: acronyms, mean ablation, heads only, at 0.0621", () => {
  const curves = publishedCurves("acronyms");
  const curve = curves?.curves[0];
  expect(curves?.curves.map(({ ablation, mlps }) => ({ ablation, mlps }))).toEqual(PAPER_SETTINGS);
  expect(curve?.points).toHaveLength(30);
  const point = curve?.points[22];
  expect(point?.alpha).toBeCloseTo(0.0621, 4);
  // Sizes 57,087,360 three times, 57,286,464 and 57,485,568; right 250, 250, 250, 250 and 246 of 250.
  expect(point?.body.mean).toBeCloseTo((3 * 57_087_360 + 57_286_464 + 57_485_568) / 5, 6);
  expect(point?.accuracy.mean).toBeCloseTo(0.9968, 12);
  expect(point?.accuracy.std).toBeCloseTo(0.016 / Math.sqrt(5), 12);
  expect(point?.accuracy.count).toBe(5);
});

test("Figures 8 and 9: areas under the mean curves, as published without ends and with them", () => {
  const areas = (["mean", "zero"] as const).map((ablation) =>
    publishedTasks.map((task) => {
      const roc = publishedRoc(task, ablation);
      return [roc?.publishedArea.toFixed(4), roc?.area.toFixed(4)];
    }),
  );
  // Computed from the files in Python.
  expect(areas).toEqual([
    [
      ["0.9099", "0.9128"],
      ["0.8716", "0.8931"],
      ["0.7578", "0.8505"],
    ],
    [
      ["0.7908", "0.7908"],
      ["0.7516", "0.7519"],
      ["0.7955", "0.7955"],
    ],
  ]);
});

/** Tables 1 and 3 as printed: percent, ten million parameters, milliseconds. */
const printed: readonly (readonly string[])[] = [
  "99.92 0.17, 9.28 1.53, 5.70 0.00, 32.88 0.00, 1.56 0.02, 83.56 0.53, 20.00 6.85, 0.30 0.40",
  "78.64 5.16, -12.00 5.5, 3.09 0.26, 63.70 3.10, 1.32 0.12, 86.20 1.02, 40.00 5.59, 0.59 0.33",
  "100.00 0.00, 2.93 1.60, 6.07 0.04, 28.66 0.50, 3.10 0.65, 57.58 8.76, 57.40 1.94, 5.95 0.69",
  "96.53 1.52, -1.73 2.14, 2.35 0.25, 72.31 2.98, 1.26 0.05, 82.78 0.72, 35.65 1.94, 0.99 0.37",
  "100.00 0.00, 0.00 0.00, 5.73 0.00, 32.65 0.00, 1.79 0.01, 77.78 0.15, 37.50 0.00, 0.00 0.00",
  "99.84 0.36, -0.08 0.04, 1.47 0.01, 82.77 0.13, 0.94 0.08, 88.33 1.00, 25.00 0.00, 0.00 0.00",
].map((line) => line.split(", "));
const columns = [
  ...["accuracy", "accuracyChange", "body", "bodyCut", "milliseconds", "timeCut", "tpr", "fpr"],
] as const;

test("Tables 1 and 3 come out of the paper's own files", () => {
  expect(PUBLISHED_TABLE.map(({ task, mlps, alpha }) => ({ task, mlps, alpha }))).toEqual(PAPER_TABLE);
  const rounded: string[] = [];
  const wrong: string[] = [];
  for (const [index, row] of PUBLISHED_TABLE.entries()) {
    const ours: readonly Spread[] = [
      ...[row.accuracy, row.accuracyChange].map((each) => scaledSpread(each, 100)),
      ...[scaledSpread(row.body, 1e-7), scaledSpread(row.bodyCut, 100), row.batchMilliseconds],
      ...[row.batchTimeCut, row.tpr, row.fpr].map((each) => scaledSpread(each, 100)),
    ];
    for (const [place, spread] of ours.entries()) {
      const values = printed[index]?.[place]?.split(" ") ?? [];
      for (const [which, value] of [spread.mean, spread.std ?? Number.NaN].entries()) {
        const text = values[which] ?? "";
        const digits = text.split(".")[1]?.length ?? 0;
        const unit = 10 ** -digits;
        const name = `${row.task}${row.mlps ? " MLPs" : ""} ${columns[place]}${which === 1 ? " ±" : ""}`;
        // Right when rounded; else within one unit of the last digit printed; else wrong.
        if (value.toFixed(digits).replace(/^-(?=0\.0+$)/, "") === text) continue;
        const list = Math.abs(value - Number(text)) < unit ? rounded : wrong;
        list.push(`${name}: printed ${text}, files ${value.toFixed(digits + 2)}`);
      }
    }
  }
  // One number of 96 is a slip of the pen: ten times too small.
  expect(wrong).toEqual(["greater-than MLPs accuracyChange ±: printed 0.04, files 0.4382"]);
  // These were cut off, or rounded the wrong way, by less than one unit of the last digit.
  expect(rounded).toMatchInlineSnapshot(`
    [
      "acronyms accuracy ±: printed 0.17, files 0.1789",
      "acronyms body: printed 5.70, files 5.7087",
      "acronyms milliseconds: printed 1.56, files 1.5681",
      "acronyms timeCut: printed 83.56, files 83.5680",
      "acronyms fpr: printed 0.30, files 0.2941",
      "acronyms MLPs bodyCut ±: printed 3.10, files 3.1072",
      "acronyms MLPs milliseconds ±: printed 0.12, files 0.1147",
      "ioi accuracyChange ±: printed 1.60, files 1.6055",
      "ioi tpr: printed 57.40, files 57.3913",
      "greater-than MLPs timeCut: printed 88.33, files 88.3375",
      "greater-than MLPs timeCut ±: printed 1.00, files 1.0070",
    ]
  `);
});
