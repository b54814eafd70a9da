/** The course of a student's training: accuracy on the validation prompts, by epoch. */
import * as Plot from "@observablehq/plot";
import type { StudentPoint } from "../../jobs/distill/train-student.ts";
import { type ChartCanvas, plotToSvg } from "./plot-to-svg.ts";

export interface StudentCourse {
  readonly layers: number;
  readonly curve: readonly StudentPoint[];
  /** Shares of right answers on the same prompts, 0 to 1. */
  readonly circuit: number | undefined;
  readonly original: number;
}

export function studentChart(course: StudentCourse, title: string, canvas: ChartCanvas): string {
  const { theme } = canvas;
  const { curve, circuit, original, layers } = course;
  const last = curve.at(-1)?.epoch ?? 1;
  const points = curve.map(({ epoch, validation }) => ({ epoch, accuracy: 100 * validation.accuracy }));
  const rule = (accuracy: number, stroke: string, strokeDasharray: string) =>
    Plot.ruleY([100 * accuracy], { stroke, strokeDasharray, strokeWidth: 1.5 });
  return plotToSvg(
    {
      ...{ width: 660, height: 386, marginLeft: 66, marginBottom: 58, marginRight: 20, marginTop: 12 },
      x: { domain: [0, last], label: null },
      y: { domain: [0, 100], label: null },
      marks: [
        Plot.gridY({ stroke: theme.grid, strokeOpacity: 1, ticks: 5 }),
        Plot.axisX({
          ...{ color: theme.soft, ticks: 5, tickSize: 4, tickPadding: 12, label: "epoch" },
          ...{ labelAnchor: "center", labelArrow: "none", labelOffset: 48 },
        }),
        Plot.axisY({
          ...{ color: theme.soft, ticks: 5, tickSize: 0, tickPadding: 12 },
          ...{ label: "validation accuracy (%)", labelAnchor: "center", labelArrow: "none" },
        }),
        rule(original, theme.soft, "2 4"),
        ...(circuit === undefined ? [] : [rule(circuit, theme.zero, "6 3")]),
        Plot.lineY(points, { x: "epoch", y: "accuracy", stroke: theme.mean, strokeWidth: 2 }),
        ...(points.length === 1 ? [Plot.dot(points, { x: "epoch", y: "accuracy", fill: theme.mean })] : []),
      ],
    },
    {
      title,
      description: `Line: share of the validation prompts that the student answers rightly after each epoch, ${last} epochs.`,
      legend: [
        { label: `a student of ${layers} ${layers === 1 ? "layer" : "layers"}`, colour: theme.mean },
        ...(circuit === undefined ? [] : [{ label: "the circuit", colour: theme.zero, dash: "6 3" }]),
        { label: "the original model", colour: theme.soft, dash: "2 4" },
      ],
    },
    canvas,
  );
}
