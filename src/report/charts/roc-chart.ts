/** How much of the known circuits a search finds, by threshold: Figures 8 and 9. */
import * as Plot from "@observablehq/plot";
import type { RocCurves } from "../../experiments/curves.ts";
import type { Ablation } from "../../experiments/paper-settings.ts";
import { shortened } from "../maps/svg.ts";
import { type ChartCanvas, type LegendEntry, plotToSvg } from "./plot-to-svg.ts";

/** One task's panel; one of the two curves may be missing, or both. */
export interface RocPanel {
  readonly task: string;
  readonly ours: RocCurves | undefined;
  readonly published: RocCurves | undefined;
}

/** The maximal number of characters of a known circuit's name. */
const longestList = 22;

interface Line {
  readonly panel: string;
  readonly roc: RocCurves;
}

export function rocChart(
  panels: readonly RocPanel[],
  title: string,
  ablation: Ablation,
  canvas: ChartCanvas,
): string {
  const { theme } = canvas;
  const lines = (which: "ours" | "published"): readonly Line[] =>
    panels.flatMap(({ task, [which]: roc }) => (roc === undefined ? [] : [{ panel: task, roc }]));
  const [ours, published] = [lines("ours"), lines("published")];
  const colour = theme[ablation];
  const perPanel = 268;
  const columns = Math.max(1, panels.length);
  const width = 66 + 14 + columns * perPanel + (columns - 1) * 14;
  const facets = panels.map(({ task }) => task);
  const curve = (of: readonly Line[], options: Plot.LineOptions) =>
    of.map(({ panel, roc }) =>
      Plot.line(
        roc.mean.toSorted((a, b) => a.fpr - b.fpr || a.tpr - b.tpr).map((point) => ({ ...point, panel })),
        { x: percent("fpr"), y: percent("tpr"), fx: "panel", ...options },
      ),
    );
  const notes = panels.flatMap((panel) => noteLines(panel));
  return plotToSvg(
    {
      ...{ width, height: perPanel + 34 + 52 },
      ...{ marginLeft: 66, marginBottom: 52, marginTop: 34, marginRight: 14 },
      x: { domain: [0, 100], label: null },
      y: { domain: [0, 100], label: null },
      fx: { axis: null, padding: 0.12, domain: facets },
      marks: [
        Plot.gridY({ stroke: theme.grid, strokeOpacity: 1, ticks: 5 }),
        Plot.gridX({ stroke: theme.grid, strokeOpacity: 1, ticks: 5 }),
        Plot.axisX({
          ...{ color: theme.soft, ticks: 5, tickSize: 0 },
          ...{ label: "false positive rate (%)", labelAnchor: "center", labelArrow: "none", labelOffset: 42 },
        }),
        Plot.axisY({
          ...{ color: theme.soft, ticks: 5, tickSize: 0 },
          ...{ label: "true positive rate (%)", labelAnchor: "center", labelArrow: "none" },
        }),
        Plot.axisFx({ anchor: "top", tickSize: 0, label: null, color: theme.ink, fontWeight: 600 }),
        Plot.line(
          facets.flatMap((panel) => [0, 100].map((at) => ({ panel, at }))),
          { x: "at", y: "at", fx: "panel", z: "panel", stroke: theme.soft, strokeDasharray: "2 4" },
        ),
        ...curve(published, { stroke: theme.soft, strokeWidth: 2, strokeDasharray: "6 4" }),
        ...ours.map(({ panel, roc }) =>
          Plot.dot(
            roc.runs.flat().map((point) => ({ ...point, panel })),
            { x: percent("fpr"), y: percent("tpr"), fx: "panel", r: 2.6, fill: colour, fillOpacity: 0.28 },
          ),
        ),
        ...curve(ours, { stroke: colour, strokeWidth: 2.2 }),
        Plot.text(notes, {
          ...{ x: 98, y: "y", text: "text", fx: "panel", textAnchor: "end" },
          ...{ fill: theme.ink, stroke: theme.background, strokeWidth: 4 },
        }),
      ],
    },
    {
      title,
      description: `For each threshold, the share of the known heads that is kept against the share of all others that is, heads pruned with ${ablation} ablation. ${panels.map(describe).join(" ")}`,
      legend: legendOf(ours.length > 0, published.length > 0, colour, theme.soft),
    },
    canvas,
  );
}

const percent = (rate: "tpr" | "fpr") => (point: Readonly<Record<typeof rate, number>>) => 100 * point[rate];

/**
 * The text in the panel's empty corner: the area under each curve and the list of heads that it counts, or why
 * there is none.
 */
function noteLines({ task, ours, published }: RocPanel) {
  const list = ({ known }: RocCurves) => `of ${shortened(known, longestList)}`;
  const texts = [
    ...(ours === undefined ? [] : [`AUC ${ours.area.toFixed(2)}`, list(ours)]),
    ...(published === undefined ? [] : [`published: AUC ${published.area.toFixed(2)}`, list(published)]),
  ];
  const shown = texts.length > 0 ? texts : ["no known circuit", "to compare with"];
  return shown.map((text, index) => ({ panel: task, text, y: 6 + 8 * (shown.length - 1 - index) }));
}

function describe({ task, ours, published }: RocPanel): string {
  const areas = [
    ...(ours === undefined ? [] : [`area ${ours.area.toFixed(3)} of ${ours.known}`]),
    ...(published === undefined ? [] : [`published area ${published.area.toFixed(3)} of ${published.known}`]),
  ];
  return `${task}: ${areas.join(", ") || "no known circuit"}.`;
}

function legendOf(ours: boolean, published: boolean, colour: string, soft: string): readonly LegendEntry[] {
  return [
    ...(ours
      ? [
          { label: "mean over runs", colour },
          { label: "one run at one threshold", colour, symbol: "circle" as const, noLine: true },
        ]
      : []),
    ...(published ? [{ label: "published", colour: soft, dash: "6 4" }] : []),
    { label: "chance", colour: soft, dash: "2 4" },
  ];
}
