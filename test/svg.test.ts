/**
 * Every chart, map and figure as it is drawn from a small input, compared whole with test/golden/svg, an element a
 * line. A change that means to draw otherwise is looked at in a browser, and taken over by
 * `npx vitest run test/svg.test.ts -u`.
 */
import { readdir } from "node:fs/promises";
import { parseHTML } from "linkedom";
import { expect, test } from "vitest";
import type { Decision } from "../src/discovery/searches/decision.ts";
import { type CurvePoint, rocCurves, taskCurves } from "../src/experiments/curves.ts";
import { makeReproduction } from "../src/experiments/reproduction.ts";
import type { SweepRow } from "../src/experiments/sweep-row.ts";
import type { BenchCell, BenchResult } from "../src/jobs/bench/bench-result.ts";
import type { FaithfulnessCurve, MeasuredEvidence } from "../src/jobs/evidence/evidence-result.ts";
import { accuracyChart } from "../src/report/charts/accuracy-chart.ts";
import { benchChart } from "../src/report/charts/bench-chart.ts";
import { rocChart } from "../src/report/charts/roc-chart.ts";
import { sizeChart } from "../src/report/charts/size-chart.ts";
import { studentChart } from "../src/report/charts/student-chart.ts";
import { fileTheme } from "../src/report/charts/theme.ts";
import { attentionKeySvg, attentionMapSvg } from "../src/report/maps/attention-map.ts";
import { attributionBarsSvg } from "../src/report/maps/attribution-bars.ts";
import { circuitMapSvg, type MapCell } from "../src/report/maps/circuit-map.ts";
import { evidenceSizeSvg, faithfulnessSvg } from "../src/report/maps/evidence-charts.ts";
import { sizeKlSvg } from "../src/report/maps/size-kl.ts";
import { traceChartSvg } from "../src/report/maps/trace-chart.ts";
import { reproductionFigures } from "../src/report/reproduction/figures.ts";

const folder = new URL("golden/svg/", import.meta.url);
const { document } = parseHTML("<!doctype html><html><body></body></html>");
const canvas = { document, theme: fileTheme };

const cell = (state: MapCell["state"], delta?: number, frequency?: number): MapCell => ({
  state,
  ...(delta !== undefined && { delta }),
  ...(frequency !== undefined && { frequency }),
});

/** Two layers of two heads and an MLP, of which a head and an MLP are kept. */
const trace: readonly Decision[] = [
  { layer: 1, component: "head.0", kl: 0.01, delta: 0.01, pruned: true },
  { layer: 1, component: "head.1", kl: 0.51, delta: 0.5, pruned: false },
  { layer: 1, component: "mlp", kl: 0.03, delta: 0.02, pruned: true },
  { layer: 0, component: "head.0", kl: 0.025, delta: -0.005, pruned: true },
  { layer: 0, component: "head.1", kl: 0.04, delta: 0.015, pruned: true },
  { layer: 0, component: "mlp", kl: 2.54, delta: 2.5, pruned: false },
];
/** The same tried once more: head 1.0 comes back. */
const passes: readonly Decision[] = [
  ...trace,
  { layer: 1, component: "head.0", kl: 0.04, delta: 0.02, pruned: false, pass: 2 },
  { layer: 1, component: "head.1", kl: 0.52, delta: 0.5, pruned: false, pass: 2 },
];
/** So many steps that ticks take the place of shapes. */
const many = Array.from({ length: 120 }, (_, step): Decision => {
  const component = step % 12 === 11 ? "mlp" : `head.${step % 12}`;
  const pruned = step % 3 !== 0;
  return { layer: 9 - Math.floor(step / 12), component, kl: step / 100, delta: 0.01, pruned };
});

/** One run at one threshold; heads only removes less. */
const curvePoint = (setting: Pick<CurvePoint, "ablation" | "mlps">, alpha: number, run: number) => {
  const removed =
    (alpha === 0.001 ? 0.25 : 0.5) +
    (setting.mlps ? 0.25 : 0) +
    run / 16 -
    (setting.ablation === "zero" ? 0.125 : 0);
  return {
    ...{ ...setting, task: "ioi", alpha, originalBody: 1600, originalAccuracy: 0.96875 },
    body: 1600 * (1 - removed),
    accuracy: 1 - removed / 4 - (setting.ablation === "zero" ? 0.25 : 0),
    ...{
      testAccuracy: 0.875 - removed / 4 - (setting.ablation === "zero" ? 0.125 : 0),
      originalTestAccuracy: 0.9375,
    },
  };
};
const settings = (["mean", "zero"] as const).flatMap((ablation) =>
  [false, true].map((mlps) => ({ ablation, mlps })),
);
const points: readonly CurvePoint[] = settings.flatMap((setting) =>
  [0.001, 0.1].flatMap((alpha) => [0, 1].map((run) => curvePoint(setting, alpha, run))),
);
const ours = { name: "Pith, a model", curves: taskCurves("ioi", points) };
const published = {
  name: "published, another model",
  curves: taskCurves(
    "ioi",
    points.map(({ testAccuracy: _, originalTestAccuracy: __, originalAccuracy: ___, ...point }) => ({
      ...point,
      accuracy: point.accuracy / 2,
    })),
  ),
};
const single = {
  ...ours,
  curves: taskCurves(
    "ioi",
    points.filter(({ alpha, ablation }) => alpha === 0.1 && ablation === "mean"),
  ),
};

const roc = (task: string, shift: number) =>
  rocCurves(
    { task, ablation: "mean", known: `${task}/23` },
    [0.001, 0.01, 0.1],
    [0, 0.125].map((run) => [
      { fpr: 0.75, tpr: 1 },
      { fpr: 0.25 + run, tpr: 0.75 - shift },
      { fpr: 0, tpr: 0.25 },
    ]),
  );

const learnedCuts = {
  ...{ name: "cuts along a ranking", look: "line" as const },
  // The whole model's KL is 0, which has no place.
  points: [0.02, 0.1, 0.5, 1].map((size) => ({ size, kl: size === 1 ? 0 : 0.04 / size })),
};
const ownCircuit = { name: "this circuit", look: "ring" as const };
const sweptCircuits = [0.0625, 0.25, 0.75].map((size) => ({ size, kl: 0.5 - size / 2 }));

const timing = (median: number) => ({ median, min: median / 2, max: 2 * median, runs: 20 });
const benchCell = (median: number, more: Partial<BenchCell> = {}): BenchCell => ({
  ...{ timing: timing(median), speedUp: 8 / median },
  ...more,
});
const bench: BenchResult = {
  machine: {
    ...{ processor: "a processor", cores: 2, threads: 2, device: "cpu", platform: "linux x64" },
    ...{ node: "20.0.0", onnxRuntime: "1.0.0", pith: "0.1.0" },
  },
  ...{ model: "a circuit", profile: "aligned", task: "ioi" },
  cases: [
    { kind: "prompt", prompts: 1, tokens: 16 },
    { kind: "batch", prompts: 32, tokens: 16 },
  ],
  competitors: [
    { name: "original", kind: "original", fileBytes: 4e6, cells: [benchCell(8), benchCell(8)] },
    {
      ...{ name: "circuit", kind: "circuit", fileBytes: 1e6 },
      cells: [
        benchCell(2, { speedUpInterval: [3.5, 4.5], allowed: 5 }),
        benchCell(7, { speedUpInterval: [0.9, 1.2], allowed: 4 }),
      ],
    },
    { name: "otherwise", kind: "alternative", fileBytes: 4e6, cells: [benchCell(16), undefined] },
  ],
  ceilings: { compute: 1e11, bandwidth: [{ bytes: 4e6, rate: 1e10 }] },
  notes: [],
};

const studentCurve = [0, 0.25, 0.75, 0.8125].map((accuracy, at) => ({
  ...{ epoch: 10 * (at + 1), steps: 40 * (at + 1), loss: 1 / (at + 1) },
  validation: { accuracy, kl: 4 - at },
}));

const parameters = (body: number) => ({ body, embedding: 100, bias: 0, total: body + 100 });
const rows: readonly SweepRow[] = points.map((point, index) => ({
  ...{ task: "ioi", seed: index % 2, ablation: point.ablation, mlps: point.mlps, alpha: point.alpha },
  heads: point.alpha === 0.1 ? [[1, 1]] : [[0, 0], ...(index % 2 ? ([[1, 0]] as const) : []), [1, 1]],
  mlpsKept: [0],
  accuracy: {
    validation: { original: 0.96875, circuit: point.accuracy },
    test: { original: 0.9375, circuit: point.accuracy - 0.0625 },
  },
  kl: { validation: 0.1, test: 0.2 },
  parameters: { original: parameters(1600), circuit: parameters(point.body) },
}));
const reproduction = makeReproduction({
  ...{ tasks: ["ioi", "my own task"], timings: [], alphas: [0.001, 0.1], choices: [], chosen: [] },
  ...{
    published: false,
    known: new Map([["ioi", { id: "ioi/2", heads: [[1, 0] as const, [1, 1] as const] }]]),
  },
  model: { name: "a model", heads: [2, 2], width: 8, parameters: parameters(1600) },
  rows: [
    ...rows,
    ...rows
      .filter(({ ablation }) => ablation === "mean")
      .map(({ accuracy: { validation }, ...row }) => ({
        ...row,
        task: "my own task",
        accuracy: { validation },
      })),
  ],
});

const measured: MeasuredEvidence = { size: 0.2, kl: 0.05, accuracy: 0.98, answers: 40 };
/** Two random circuits of its size. */
const randomCircuits: readonly MeasuredEvidence[] = [
  { ...measured, kl: 2.5 },
  { ...measured, kl: 4.125 },
];

const faithfulness: FaithfulnessCurve = {
  ...{ metric: "negative-kl", scored: 20, none: -4, whole: 0, cpr: 0.6, cmd: 0.4, logCpr: 0.3, logCmd: 0.7 },
  points: [
    { ...measured, share: 0.1, count: 2, size: 0.05, kl: 3, value: -3, faithfulness: 0.25 },
    { ...measured, share: 0.5, count: 10, size: 0.5, kl: 1, value: -1, faithfulness: 0.75 },
    { ...measured, share: 1, count: 20, size: 1, kl: 0, value: 0, faithfulness: 1 },
  ],
};

/** By the function that draws them, each snapshot by its name. */
const drawn: Readonly<Record<string, Readonly<Record<string, () => string>>>> = {
  circuitMapSvg: {
    "circuit-map": () =>
      circuitMapSvg({
        ...{ id: "map", name: "a <model> on a task" },
        layers: [
          { heads: [cell("pruned", -0.005, 0), cell("pruned", 0.015, 0.25)], mlp: cell("kept", 2.5, 1) },
          { heads: [cell("pruned", 0.01, 0), cell("kept", 0.5, 1)], mlp: cell("pruned", 0.02, 0.5) },
        ],
      }),
    "circuit-map-neurons": () =>
      circuitMapSvg({
        ...{ id: "map", name: "a model whose MLPs stay in part" },
        layers: [12, 768, 400].map((kept) => ({
          heads: [cell("pruned"), cell("kept")],
          mlp: { state: "kept", neurons: { kept, all: 800 } },
        })),
      }),
    "circuit-map-under-way": () =>
      circuitMapSvg({
        ...{ id: "map", name: "a model of many heads" },
        layers: [
          { heads: Array.from({ length: 24 }, () => cell("unknown")), mlp: cell("unknown") },
          { heads: [cell("trial"), cell("pruned"), cell("kept")], mlp: undefined },
        ],
      }),
  },
  traceChartSvg: {
    trace: () => traceChartSvg({ id: "trace", trace, alpha: 0.02 }),
    "trace-of-passes": () => traceChartSvg({ id: "trace", trace: passes }),
    "trace-of-many-steps": () => traceChartSvg({ id: "trace", trace: many, alpha: 0.02 }),
  },
  sizeKlSvg: {
    "size-kl": () =>
      sizeKlSvg({
        ...{ id: "sizes", title: "KL by size", prompts: "test prompts" },
        panels: [
          { name: "a task", series: [learnedCuts, { ...ownCircuit, points: [{ size: 0.1, kl: 0.05 }] }] },
        ],
      }),
    "size-kl-of-tasks": () =>
      sizeKlSvg({
        ...{ id: "sizes", title: "KL by size", prompts: "validation prompts" },
        panels: [
          { name: "a task", series: [learnedCuts, { name: "a sweep", look: "dots", points: sweptCircuits }] },
          { name: "another <task>", series: [{ name: "a sweep", look: "dots", points: [] }] },
        ],
      }),
  },
  evidenceSizeSvg: {
    "evidence-size": () =>
      evidenceSizeSvg({ circuit: measured, random: { drawn: randomCircuits }, curve: faithfulness }, "sizes"),
    "evidence-size-without-curve": () =>
      evidenceSizeSvg(
        { circuit: measured, random: { drawn: randomCircuits }, curve: { missing: "It has no ranking." } },
        "sizes",
      ),
  },
  faithfulnessSvg: { faithfulness: () => faithfulnessSvg(faithfulness, "faithfulness") },
  attentionMapSvg: {
    "attention-map": () =>
      attentionMapSvg({
        ...{ id: "map", name: "head 1.1", tokens: ["When", " Mary", " & a very long token"] },
        weights: [1, 0, 0, 0.25, 0.75, 0, 0.5, 0.375, 0.125],
      }),
  },
  attentionKeySvg: { "attention-key": () => attentionKeySvg("key") },
  attributionBarsSvg: {
    "attribution-bars": () =>
      attributionBarsSvg({
        ...{ id: "bars", axis: "logits" },
        bars: [
          { name: "head 1.1", mean: -0.5, deviation: 0.125 },
          { name: "MLP 0", mean: 2, deviation: 0.25 },
          { name: "constants", mean: 0, deviation: 0 },
        ],
      }),
  },
  sizeChart: {
    "size-chart": () => sizeChart([ours], "Size", canvas),
    "size-chart-beside-published": () => sizeChart([ours, published], "Size", canvas),
    "size-chart-of-one-threshold": () => sizeChart([single], "Size", canvas),
  },
  accuracyChart: {
    "accuracy-chart": () => accuracyChart([ours, published], "Accuracy", "validation", canvas),
    "accuracy-chart-on-test": () => accuracyChart([ours, published], "Accuracy", "test", canvas),
  },
  rocChart: {
    "roc-chart": () =>
      rocChart(
        [
          { task: "ioi", ours: roc("ioi", 0), published: roc("ioi", 0.25) },
          { task: "acronyms", ours: undefined, published: roc("acronyms", 0) },
          { task: "my own", ours: undefined, published: undefined },
        ],
        "Known heads",
        "mean",
        canvas,
      ),
  },
  studentChart: {
    "student-chart": () =>
      studentChart(
        { layers: 2, curve: studentCurve, circuit: 0.875, original: 0.9375 },
        "A student of a model on ioi",
        canvas,
      ),
    "student-chart-of-one-point": () =>
      studentChart(
        { layers: 1, curve: studentCurve.slice(0, 1), circuit: undefined, original: 0.9375 },
        "A student of a model on ioi",
        canvas,
      ),
  },
  benchChart: { "bench-chart": () => benchChart(bench, canvas) },
  reproductionFigures: Object.fromEntries(
    reproductionFigures(reproduction).map(({ fileName, draw }) => [fileName, () => draw(canvas)]),
  ),
};

/** So that a diff shows what moved. */
const oneElementALine = (svg: string) => `${svg.trim().replaceAll(/>\n*</g, ">\n<")}\n`;

const snapshots = Object.values(drawn).flatMap((each) => Object.entries(each));

test.each(snapshots)("%s", async (name, draw) => {
  const text = oneElementALine(draw());
  // Machines differ in the last digits of a logarithm.
  expect(text).not.toMatch(/\d\.\d{5}/);
  await expect(text).toMatchFileSnapshot(new URL(`${name}.svg`, folder).pathname);
});

test("whatever draws has a snapshot", async () => {
  const drawing: string[] = [];
  for (const room of ["charts", "maps"]) {
    const files = await readdir(new URL(`../src/report/${room}/`, import.meta.url));
    for (const file of files.filter((name) => !name.endsWith(".test.ts"))) {
      const names = Object.keys(await import(new URL(`../src/report/${room}/${file}`, import.meta.url).href));
      drawing.push(...names.filter((name) => /(Chart|Svg)$/.test(name)));
    }
  }
  const helper = "plotToSvg";
  expect(Object.keys(drawn).sort()).toEqual(
    [...drawing.filter((name) => name !== helper), "reproductionFigures"].sort(),
  );
});

test("no snapshot is left over", async () => {
  expect((await readdir(folder)).sort()).toEqual(snapshots.map(([name]) => `${name}.svg`).sort());
});
