import { parse } from "csv-parse/sync";
import { describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { curvePoint, sweepRoc, taskCurves } from "./curves.ts";
import { makeReproduction } from "./reproduction.ts";
import { beyondCsv, curvesCsv, rocCsv, table1Csv, table3Csv, timingsCsv } from "./result-csv.ts";
import type { SweepRow } from "./sweep-row.ts";
import { type CircuitTiming, tableRows } from "./tables.ts";

/** A model of two layers of two heads: 1,000 body parameters, 1,500 in all. */
function row(seed: number, changes: Partial<SweepRow> & { readonly body?: number } = {}): SweepRow {
  const { body = 400, ...rest } = changes;
  return {
    ...{ task: "ioi", seed, ablation: "mean", mlps: false, alpha: 0.1 },
    heads: [[1, 0]],
    mlpsKept: [0, 1],
    accuracy: { validation: { original: 0.9, circuit: 0.8 }, test: { original: 0.95, circuit: 0.75 } },
    kl: { validation: 0.2, test: 0.3 },
    parameters: {
      original: { body: 1000, embedding: 400, bias: 100, total: 1500 },
      circuit: { body, embedding: 400, bias: 50, total: body + 450 },
    },
    ...rest,
  };
}
const second = row(1, {
  body: 600,
  heads: [
    [0, 0],
    [0, 1],
  ],
  accuracy: { validation: { original: 1, circuit: 1 }, test: { original: 1, circuit: 0.85 } },
});
const choice = { task: "ioi", mlps: false, alpha: 0.1 };
const known = new Map([["ioi", { id: "mine", heads: [[1, 0] as const, [0, 1] as const] }]]);
const timing = (seed: number, circuit: number): CircuitTiming => ({
  ...{ ...choice, seed, bytes: { original: 6000, circuit: 3000 } },
  original: { median: 4, min: 3, max: 5, runs: 10 },
  circuit: { median: circuit, min: 0.5, max: 9, runs: 10 },
  batch: { original: 80, circuit: 20 * (seed + 1) },
});
const other = [
  row(0, { alpha: 0.2 }),
  row(0, { ablation: "zero" }),
  row(0, { mlps: true }),
  row(0, { task: "acronyms" }),
];
const sources = {
  rows: [...other, row(0), second],
  timings: [timing(0, 1), timing(1, 3)],
  known,
  headCounts: [2, 2],
};

describe("a table's row, by hand", () => {
  const [ours] = tableRows([choice], sources);
  const half = Math.SQRT1_2;

  test("the paper's columns", () => {
    expect(ours).toMatchObject({ ...choice, runs: 2, known: "mine", body: { mean: 500 } });
    expect(ours?.accuracy.mean).toBeCloseTo(0.9, 12);
    expect(ours?.accuracy.std).toBeCloseTo(0.2 * half, 12);
    expect(ours?.accuracyChange.mean).toBeCloseTo(-0.05, 12);
    expect(ours?.bodyCut.mean).toBeCloseTo(0.5, 12);
    expect(ours?.bodyCut.std).toBeCloseTo(0.2 * half, 12);
    // The first run has 1.0 of 1.0 and 0.1; the second 0.1, and 0.0 that is not known.
    expect(ours?.tpr).toEqual({ mean: 0.5, std: 0, count: 2 });
    expect(ours?.fpr?.mean).toBe(0.25);
    expect(ours?.milliseconds).toMatchObject({ mean: 2, std: Math.SQRT2 });
    expect(ours?.timeCut?.mean).toBeCloseTo(0.5, 12);
    // Of a whole validation set: 20 and 40 of 80 ms.
    expect(ours?.batchMilliseconds?.mean).toBe(30);
    expect(ours?.originalBatchMilliseconds).toMatchObject({ mean: 80, std: 0 });
    expect(ours?.batchTimeCut?.mean).toBeCloseTo(0.625, 12);
  });

  test("what the paper leaves out", () => {
    expect(ours?.testAccuracy?.mean).toBeCloseTo(0.8, 12);
    expect(ours?.testAccuracyChange?.mean).toBeCloseTo(-0.175, 12);
    expect(ours?.parameters.mean).toBe(950);
    expect(ours?.parametersCut.mean).toBeCloseTo(1 - 950 / 1500, 12);
    expect(ours?.bytesCut).toMatchObject({ mean: 0.5, std: 0 });
    expect(ours?.heads.mean).toBe(1.5);
    expect([ours?.kl.mean, ours?.testKl?.mean]).toEqual([0.2, 0.3]);
  });

  test("years' probability mass, where the task asks for years", () => {
    expect(ours?.yearMass).toBeUndefined();
    const rows = [
      row(0, { yearMass: { original: 0.5, circuit: 0.25 } }),
      row(1, { yearMass: { original: 1, circuit: -0.25 } }),
    ];
    const [asked] = tableRows([choice], { ...sources, rows });
    expect(asked).toMatchObject({ yearMass: { mean: 0 }, originalYearMass: { mean: 0.75 } });
    const written = beyondCsv(asked === undefined ? [] : [asked]);
    expect(parse(written, { columns: true })).toMatchObject([
      { year_mass_mean: "0", year_mass_original_mean: "0.75" },
    ]);
  });

  test("what was not measured in every run is left out, and a choice without runs is no row", () => {
    const { test: _, ...validation } = second.accuracy;
    const rows = [row(0), { ...second, accuracy: validation }];
    const [less] = tableRows([choice], { ...sources, rows, timings: [timing(0, 1)], known: new Map() });
    expect(Object.keys(less ?? {})).toEqual(expect.not.arrayContaining(["tpr", "timeCut", "testAccuracy"]));
    expect(tableRows([{ ...choice, alpha: 0.3 }], sources)).toEqual([]);
  });

  test("as CSV, for other tools; what the paper's rows lack is empty", () => {
    const csv = (text: string): readonly Record<string, string>[] => parse(text, { columns: true });
    const rows = ours === undefined ? [] : [ours];
    const paper = {
      ...{
        ...choice,
        accuracy: { mean: 1, std: 0, count: 5 },
        accuracyChange: { mean: 0, std: 0, count: 5 },
      },
      ...{ body: { mean: 5, std: 1, count: 5 }, bodyCut: { mean: 0.25, std: 0.5, count: 5 } },
      ...{
        batchMilliseconds: { mean: 1, std: 0, count: 5 },
        batchTimeCut: { mean: 0.5, std: 0, count: 5 },
      },
      ...{ tpr: { mean: 0.5, std: 0, count: 5 }, fpr: { mean: 0, std: 0, count: 5 } },
    };
    expect(csv(table1Csv(rows, [paper]))).toMatchObject([
      {
        source: "pith",
        task: "ioi",
        mlps: "off",
        runs: "2",
        known: "mine",
        tpr_mean: "0.5",
        fpr_mean: "0.25",
      },
      { source: "published", runs: "5", known: "", body_cut_mean: "0.25", body_cut_std: "0.5" },
    ]);
    expect(csv(table3Csv(rows, [paper]))).toMatchObject([
      { body_mean: "500", milliseconds_mean: "2", batch_milliseconds_mean: "30" },
      // The paper times a whole validation set, and no single prompt.
      { milliseconds_mean: "", batch_milliseconds_mean: "1", batch_time_cut_mean: "0.5" },
    ]);
    expect(csv(beyondCsv(rows))).toMatchObject([{ heads_mean: "1.5", parameters_mean: "950" }]);
    expect(csv(timingsCsv(sources.timings))).toMatchObject([
      { seed: "0", original_milliseconds_median: "4", circuit_milliseconds_max: "9", circuit_bytes: "3000" },
      { seed: "1", circuit_milliseconds_median: "3" },
    ]);
  });
});

describe("curves, by hand", () => {
  test("means over runs by threshold and setting, α ascending, the originals' accuracy over all", () => {
    const curves = taskCurves("ioi", sources.rows.map(curvePoint));
    expect(
      curves.curves.map(({ ablation, mlps, points }) => [ablation, mlps, points.map(({ alpha }) => alpha)]),
    ).toEqual([
      ["mean", false, [0.1, 0.2]],
      ["mean", true, [0.1]],
      ["zero", false, [0.1]],
    ]);
    expect(curves.curves[0]?.points[0]).toMatchObject({ kept: { mean: 0.5, count: 2 }, body: { mean: 500 } });
    expect(curves.originalAccuracy).toMatchObject({ count: 5 });
    expect(curves.originalAccuracy?.mean).toBeCloseTo((4 * 0.9 + 1) / 5, 12);
    const records: readonly Record<string, string>[] = parse(curvesCsv([{ source: "pith", curves }]), {
      columns: true,
    });
    expect(records).toHaveLength(4);
    expect(records[0]).toMatchObject({
      ablation: "mean",
      mlps: "off",
      alpha: "0.1",
      runs: "2",
      body_share_mean: "0.5",
    });
  });

  test("ROC of the searches that prune heads only; where there are none, of the others", () => {
    const heads = known.get("ioi") ?? { id: "", heads: [] };
    const roc = sweepRoc(
      [row(0), row(0, { alpha: 0.01, heads: [] }), row(0, { mlps: true, heads: [] })],
      { task: "ioi", ablation: "mean" },
      heads,
      [2, 2],
    );
    expect(roc).toMatchObject({ known: "mine", alphas: [0.01, 0.1] });
    expect(roc?.runs[0]?.map(({ tpr, fpr }) => [tpr, fpr])).toEqual([
      [0, 0],
      [0.5, 0],
    ]);
    // From (0, ½) straight to (1, 1).
    expect([roc?.area, roc?.publishedArea]).toEqual([0.75, 0]);
    expect(rocCsv(roc === undefined ? [] : [{ source: "pith", roc }]).split("\n")).toHaveLength(1 + 4 + 1);
    expect(
      sweepRoc([row(0, { mlps: true })], { task: "ioi", ablation: "mean" }, heads, [2, 2])?.alphas,
    ).toEqual([0.1]);
    expect(sweepRoc([row(0)], { task: "ioi", ablation: "zero" }, heads, [2, 2])).toBeUndefined();
    expect(() =>
      sweepRoc([row(0)], { task: "ioi", ablation: "mean" }, { id: "x", heads: [[5, 0]] }, [2, 2]),
    ).toThrow(PithError);
  });
});

test("figures show the grid's thresholds alone, published values only where asked for", () => {
  const input = {
    model: { name: "m", heads: [2, 2], width: 8, parameters: row(0).parameters.original },
    ...{ tasks: ["ioi"], rows: sources.rows, timings: sources.timings, alphas: [0.2] },
    ...{ choices: [choice], chosen: [{ ...choice, alpha: 0.2 }], known, published: false },
  };
  const without = makeReproduction(input);
  expect(without.figures[0]?.ours.curves.map(({ points }) => points.map(({ alpha }) => alpha))).toEqual([
    [0.2],
  ]);
  expect(without.table.map(({ alpha }) => alpha)).toEqual([0.1]);
  expect(without.chosen.map(({ alpha }) => alpha)).toEqual([0.2]);
  expect([without.publishedTable, without.figures[0]?.published]).toEqual([[], undefined]);
  expect([...without.roc.keys()]).toEqual(["mean", "zero"]);

  const beside = makeReproduction({ ...input, published: true });
  expect(beside.publishedTable.map(({ task, mlps }) => [task, mlps])).toEqual([
    ["ioi", false],
    ["ioi", true],
  ]);
  expect(beside.figures[0]?.published?.curves).toHaveLength(4);
  expect(beside.roc.get("zero")?.[0]?.published?.known).toBe("ioi/23");
});
