/** Size against α: Figures 2, 4 and 6. */
import * as Plot from "@observablehq/plot";
import type { SettingCurve, TaskCurves } from "../../experiments/curves.ts";
import { shortened } from "../maps/svg.ts";
import { type ChartCanvas, plotToSvg, powerOfTen } from "./plot-to-svg.ts";
import { dashOf, type Panel, percentWithin, settingLegend } from "./setting-style.ts";
import type { ChartTheme } from "./theme.ts";

/** The maximal number of characters of a panel's name. */
const longestName = 40;

/**
 * @param panels side by side on the same axes: this run, and the published results if they are shown.
 * @param title of the figure.
 */
export function sizeChart(panels: readonly Panel<TaskCurves>[], title: string, canvas: ChartCanvas): string {
  const { theme } = canvas;
  const curves = panels.flatMap(({ name, curves }) =>
    curves.curves.map((curve) => ({ panel: name, ...curve })),
  );
  const settings = [...new Map(curves.map((curve) => [`${curve.ablation} ${curve.mlps}`, curve])).values()];
  const alphas = curves.flatMap(({ points }) => points.map(({ alpha }) => alpha));
  const [least, most] = [Math.min(...alphas), Math.max(...alphas)];
  const runs = Math.max(...curves.flatMap(({ points }) => points.map(({ kept }) => kept.count)));
  return plotToSvg(
    {
      width: panels.length > 1 ? 900 : 660,
      height: 386,
      ...{ marginLeft: 66, marginBottom: 58, marginRight: 14, marginTop: panels.length > 1 ? 34 : 12 },
      x: {
        type: "log",
        domain: least < most ? [least, most] : [least / 3, most * 3],
        label: null,
      },
      y: { domain: [0, 100], label: null },
      // So that the last threshold of one panel does not touch the first of the next.
      fx: { axis: null, padding: 0.16, paddingOuter: 0, domain: panels.map(({ name }) => name) },
      marks: [
        Plot.gridY({ stroke: theme.grid, strokeOpacity: 1, ticks: 5 }),
        Plot.axisX({
          ...{
            color: theme.soft,
            ticks: decades(least, most),
            tickFormat: powerOfTen,
            tickSize: 4,
            // Line heights differ between fonts: the first label must not touch the 0 beside it in any.
            tickPadding: 12,
          },
          ...{
            label: "threshold α (nats of KL)",
            labelAnchor: "center",
            labelArrow: "none",
            labelOffset: 48,
          },
        }),
        Plot.axisY({
          ...{ color: theme.soft, ticks: 5, tickSize: 0, tickPadding: 12 },
          ...{ label: "body parameters left (%)", labelAnchor: "center", labelArrow: "none" },
        }),
        ...(panels.length > 1
          ? [
              Plot.axisFx({
                ...{ anchor: "top", tickSize: 0, label: null, color: theme.ink, fontWeight: 600 },
                tickFormat: (name: string) => shortened(name, longestName),
              }),
            ]
          : []),
        ...curves.flatMap((curve) => curveMarks(curve, theme)),
      ],
    },
    {
      title,
      description: `Lines: share of the body's parameters that is left at each threshold, mean over ${runs} runs; bands: one standard deviation. ${panels.map(({ name }) => name).join("; ")}.`,
      legend: settingLegend(settings, theme),
    },
    canvas,
  );
}

interface PanelCurve extends SettingCurve {
  readonly panel: string;
}

/** A curve's line, with a band of one standard deviation. */
function curveMarks(
  { panel, ablation, mlps, points }: PanelCurve,
  theme: ChartTheme,
): readonly Plot.Markish[] {
  const lines = points.map(({ alpha, kept }) => ({
    ...{ alpha, panel },
    share: 100 * kept.mean,
    low: percentWithin(kept.mean - (kept.std ?? 0)),
    high: percentWithin(kept.mean + (kept.std ?? 0)),
  }));
  const dash = dashOf({ mlps });
  const place = { x: "alpha", fx: "panel" } as const;
  return [
    Plot.areaY(lines, { ...place, y1: "low", y2: "high", fill: theme[ablation], fillOpacity: 0.16 }),
    Plot.lineY(lines, {
      ...{ ...place, y: "share", stroke: theme[ablation], strokeWidth: 2 },
      ...(dash !== undefined && { strokeDasharray: dash }),
    }),
    // A single threshold makes no line, so a dot is drawn.
    ...(lines.length === 1 ? [Plot.dot(lines, { ...place, y: "share", fill: theme[ablation] })] : []),
  ];
}

/** Powers of ten from `least` to `most`; the two ends themselves if there is none between them. */
function decades(least: number, most: number): readonly number[] {
  // A small tolerance for ends that are powers of ten except for rounding.
  const first = Math.ceil(Math.log10(least) - 1e-6);
  const last = Math.floor(Math.log10(most) + 1e-6);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => 10 ** (first + index));
}
