/**
 * The result of a bench as bars: the speed of each case relative to the original, and the machine's upper limit.
 */
import * as Plot from "@observablehq/plot";
import type { BenchResult } from "../../jobs/bench/bench-result.ts";
import { formatMilliseconds } from "../format.ts";
import { caseTitle, formatTimes } from "../terminal-bench.ts";
import { type ChartCanvas, plotToSvg } from "./plot-to-svg.ts";

const barHeight = 24;
const titleHeight = 34;
const nameWidth = 178;

export function benchChart(result: BenchResult, canvas: ChartCanvas): string {
  const { theme } = canvas;
  const { cases, competitors, machine } = result;
  const bars = competitors.flatMap(({ name, kind, cells }) =>
    cases.flatMap((each, index) => {
      const cell = cells[index];
      if (cell === undefined) return [];
      const { speedUp, speedUpInterval, allowed, timing } = cell;
      const [low, high] = speedUpInterval ?? [speedUp, speedUp];
      const told = low <= 1 && high >= 1 ? "too noisy to tell" : formatTimes(speedUp);
      const label = `${formatMilliseconds(timing.median)}${kind === "original" ? "" : `, ${told}`}`;
      return [
        { case: caseTitle(each), name, kind, speedUp, allowed, label, end: Math.max(speedUp, allowed ?? 0) },
      ];
    }),
  );
  const titles = cases.map(caseTitle);
  const limits = bars.filter(({ kind, allowed }) => kind === "circuit" && allowed !== undefined);
  const most = Math.max(...bars.map(({ end }) => end));
  const colours = { original: theme.soft, circuit: theme.mean, alternative: theme.zero };
  const place = { y: "name", fy: "case" } as const;
  return plotToSvg(
    {
      width: 780,
      height: titles.length * (competitors.length * barHeight + titleHeight) + 48,
      ...{ marginLeft: nameWidth, marginRight: 20, marginTop: 26, marginBottom: 40 },
      // Space for the labels at the right of the longest bar.
      x: { domain: [0, most * 1.28], label: null },
      y: { domain: competitors.map(({ name }) => name), label: null, padding: 0.25 },
      fy: { domain: titles, axis: null, padding: 0.24 },
      marks: [
        Plot.gridX({ stroke: theme.grid, strokeOpacity: 1, ticks: 6 }),
        Plot.axisX({
          ...{
            anchor: "bottom",
            color: theme.soft,
            ticks: 6,
            tickSize: 0,
            tickFormat: (value: number) => `${value}×`,
          },
          ...{
            label: "times as fast as the original",
            labelAnchor: "center",
            labelArrow: "none",
            labelOffset: 36,
          },
        }),
        Plot.axisY({ color: theme.ink, tickSize: 0 }),
        Plot.text(titles, {
          ...{ fy: (title: string) => title, text: (title: string) => title },
          ...{ frameAnchor: "top-left", dx: -nameWidth + 4, dy: -17, fontWeight: 600, fill: theme.ink },
        }),
        Plot.barX(bars, { ...place, x: "speedUp", fill: ({ kind }: (typeof bars)[number]) => colours[kind] }),
        Plot.tickX(limits, { ...place, x: "allowed", stroke: theme.ink, strokeWidth: 2.5 }),
        Plot.text(bars, {
          ...{ ...place, x: "end", text: "label", textAnchor: "start", dx: 7, fill: theme.ink },
        }),
      ],
    },
    {
      title: `${result.model}: circuit beside original`,
      description: `Bars: times as fast as the original, medians of runs in turns, ${machine.threads} threads, ${machine.processor}, ONNX Runtime ${machine.onnxRuntime}; beside them the time of a run. Ticks: the speed-up that counted operations and bytes allow at the measured ceilings.`,
      legend: [
        { label: "original", colour: theme.soft, symbol: "circle", noLine: true },
        { label: "circuit", colour: theme.mean, symbol: "circle", noLine: true },
        ...(competitors.some(({ kind }) => kind === "alternative")
          ? [{ label: "original otherwise", colour: theme.zero, symbol: "circle", noLine: true } as const]
          : []),
        { label: "| what operations and bytes allow", colour: theme.ink, noLine: true },
      ],
    },
    canvas,
  );
}
