/** Accuracy against size, with error bars: Figures 3, 5 and 7. */
import * as Plot from "@observablehq/plot";
import type { CurveMean, SettingCurve, TaskCurves } from "../../experiments/curves.ts";
import type { Setting } from "../../experiments/paper-settings.ts";
import type { Spread } from "../../experiments/spread.ts";
import { shortened } from "../maps/svg.ts";
import { type ChartCanvas, type LegendEntry, plotToSvg, type SizedPlot } from "./plot-to-svg.ts";
import { type Panel, percentWithin, symbolOf } from "./setting-style.ts";
import type { ChartTheme } from "./theme.ts";

/** The prompts that chose the circuit, as in the paper, or prompts that were not used before. */
export type AccuracySplit = "validation" | "test";

/**
 * Columns: heads only, and heads and MLPs. Each is as wide as its data, because heads are a third of a body.
 * Rows: this run, and the published results if they are shown.
 * @param split the published results have no test set, so their row is left out there.
 */
export function accuracyChart(
  panels: readonly Panel<TaskCurves>[],
  title: string,
  split: AccuracySplit,
  canvas: ChartCanvas,
): string {
  const of = (point: CurveMean) => (split === "validation" ? point.accuracy : point.testAccuracy);
  const shown = panels.filter(({ curves }) => curves.curves.some(({ points }) => points.some(of)));
  const curves: readonly DrawnCurve[] = shown.flatMap(({ name, curves: { curves } }) =>
    curves.map(({ ablation, mlps, points }) => ({
      ...{ row: name, ablation, mlps },
      dots: points.flatMap((point) => {
        const accuracy = of(point);
        return accuracy === undefined ? [] : [errorBars(point.kept, accuracy, name)];
      }),
    })),
  );
  const originals = shown.flatMap(({ name, curves }) => {
    const original = split === "validation" ? curves.originalAccuracy : curves.originalTestAccuracy;
    return original === undefined ? [] : [{ row: name, accuracy: 100 * original.mean }];
  });
  const columns = [false, true].filter((mlps) => curves.some((curve) => curve.mlps === mlps));
  const plots = columns.map((mlps, index) =>
    columnPlot(
      curves.filter((curve) => curve.mlps === mlps),
      {
        ...{ originals, theme: canvas.theme, rows: shown.map(({ name }) => name) },
        title: mlps ? "heads and MLPs pruned" : "heads only pruned",
        yLabel: index === 0 ? `${split} accuracy (%)` : null,
        last: index === columns.length - 1,
      },
    ),
  );
  const runs = Math.max(0, ...shown.flatMap(({ curves }) => curves.curves.map(runsOf)));
  return plotToSvg(
    plots,
    {
      title,
      description: `Each point is a threshold: mean over ${runs} runs; bars: one standard deviation. ${shown.map(({ name }) => name).join("; ")}.`,
      legend: legendOf(curves, originals.length > 0, canvas.theme),
    },
    canvas,
  );
}

/** The maximal number of characters of a row's name. */
const longestName = 30;

type Dot = ReturnType<typeof errorBars>;

interface DrawnCurve extends Setting {
  /** The row that the values belong to. */
  readonly row: string;
  readonly dots: readonly Dot[];
}

interface ColumnLook {
  readonly title: string;
  readonly rows: readonly string[];
  readonly originals: readonly { readonly row: string; readonly accuracy: number }[];
  readonly yLabel: string | null;
  /** Whether the row's name is drawn at its right. */
  readonly last: boolean;
  readonly theme: ChartTheme;
}

function columnPlot(curves: readonly DrawnCurve[], look: ColumnLook): SizedPlot {
  const { theme, rows, yLabel, last } = look;
  const twoRows = rows.length > 1;
  // In steps of twenty, so that ticks are round numbers.
  const most = Math.max(20, ...curves.flatMap(({ dots }) => dots.map(({ right }) => right)));
  const left = yLabel === null ? 44 : 62;
  // A mark at 100 % extends beyond the frame, so the row's name is placed further right.
  const right = twoRows && last ? 52 : 16;
  return {
    width: 376 + left + right,
    height: twoRows ? 624 : 360,
    ...{ marginLeft: left, marginBottom: 52, marginTop: 34, marginRight: right },
    x: { domain: [0, Math.min(100, 20 * Math.ceil(most / 20))], label: null },
    y: { domain: [0, 100], label: null },
    // So that the 0 of one row does not touch the 100 of the next.
    fy: { axis: null, padding: 0.16, paddingOuter: 0, domain: rows },
    marks: [
      Plot.gridY({ stroke: theme.grid, strokeOpacity: 1, ticks: 5 }),
      Plot.gridX({ stroke: theme.grid, strokeOpacity: 1, ticks: 5 }),
      Plot.axisX({
        ...{ color: theme.soft, ticks: 5, tickSize: 0, label: "body parameters removed (%)" },
        ...{ labelAnchor: "center", labelArrow: "none", labelOffset: 42 },
      }),
      Plot.axisY({
        ...{ color: theme.soft, ticks: 5, tickSize: 0 },
        ...{ label: yLabel, labelAnchor: "center", labelArrow: "none" },
      }),
      Plot.text([{ row: rows[0], title: look.title }], {
        ...{ text: "title", fy: "row", frameAnchor: "top", lineAnchor: "bottom", dy: -9 },
        ...{ fill: theme.ink, fontWeight: 600 },
      }),
      ...(twoRows && last
        ? [
            Plot.axisFy({
              ...{ anchor: "right", tickSize: 0, label: null, color: theme.ink, fontWeight: 600 },
              ...{ tickRotate: 90, textAnchor: "middle", tickPadding: 28 },
              tickFormat: (name: string) => shortened(name, longestName),
            }),
          ]
        : []),
      Plot.ruleY(look.originals, {
        ...{ y: "accuracy", fy: "row", stroke: theme.soft, strokeDasharray: "2 4" },
      }),
      ...curves.flatMap((curve) => curveMarks(curve, theme)),
    ],
  };
}

function curveMarks({ ablation, dots }: DrawnCurve, theme: ChartTheme): readonly Plot.Markish[] {
  const colour = theme[ablation];
  const bar = { fy: "row", stroke: colour, strokeWidth: 1, strokeOpacity: 0.55 } as const;
  return [
    Plot.line(dots, { x: "cut", y: "accuracy", fy: "row", stroke: colour, strokeOpacity: 0.35 }),
    Plot.ruleX(dots.filter(spreadsUp), { ...bar, x: "cut", y1: "low", y2: "high" }),
    Plot.ruleY(dots.filter(spreadsOut), { ...bar, y: "accuracy", x1: "left", x2: "right" }),
    Plot.dot(dots, {
      ...{ x: "cut", y: "accuracy", fy: "row", fill: colour, r: 3.4, symbol: symbolOf({ ablation }) },
      ...{ stroke: theme.background, strokeWidth: 0.8 },
    }),
  ];
}

function errorBars(kept: Spread, accuracy: Spread, row: string) {
  const [up, out] = [accuracy.std ?? 0, kept.std ?? 0];
  return {
    ...{ row, up, out },
    cut: percentWithin(1 - kept.mean),
    left: percentWithin(1 - kept.mean - out),
    right: percentWithin(1 - kept.mean + out),
    accuracy: percentWithin(accuracy.mean),
    low: percentWithin(accuracy.mean - up),
    high: percentWithin(accuracy.mean + up),
  };
}

const spreadsUp = ({ up }: { readonly up: number }) => up > 0;
const spreadsOut = ({ out }: { readonly out: number }) => out > 0;

function runsOf({ points }: SettingCurve): number {
  return Math.max(0, ...points.map(({ kept }) => kept.count));
}

function legendOf(
  curves: readonly DrawnCurve[],
  hasOriginal: boolean,
  theme: ChartTheme,
): readonly LegendEntry[] {
  const ablations = (["mean", "zero"] as const).filter((name) => curves.some((c) => c.ablation === name));
  return [
    ...ablations.map((ablation) => ({
      label: `${ablation} ablation`,
      colour: theme[ablation],
      symbol: symbolOf({ ablation }),
    })),
    ...(hasOriginal ? [{ label: "the original model", colour: theme.soft, dash: "2 4" }] : []),
  ];
}
