/** The list of a reproduction's figures: their names, and functions that draw them. */

import type { RocCurves, TaskCurves } from "../../experiments/curves.ts";
import { PAPER_FIGURES, PAPER_ROC_FIGURES } from "../../experiments/paper-settings.ts";
import type { Reproduction, TaskFigures, TaskRoc } from "../../experiments/reproduction.ts";
import { curvesCsv, rocCsv, type Source } from "../../experiments/result-csv.ts";
import { accuracyChart } from "../charts/accuracy-chart.ts";
import type { ChartCanvas } from "../charts/plot-to-svg.ts";
import { rocChart } from "../charts/roc-chart.ts";
import type { Panel } from "../charts/setting-style.ts";
import { sizeChart } from "../charts/size-chart.ts";

export interface ReproductionFigure {
  /** Without extension: "figure-2-size-acronyms". */
  readonly fileName: string;
  readonly title: string;
  /** What the figure shows, and how it was measured. */
  readonly caption: string;
  readonly task: string | undefined;
  /** Whether there is nothing to draw: then the file says so, and the page leaves the picture out. */
  readonly isEmpty: boolean;
  readonly draw: (canvas: ChartCanvas) => string;
  readonly csv: string;
}

export function reproductionFigures(reproduction: Reproduction): readonly ReproductionFigure[] {
  const { model, figures, roc } = reproduction;
  return [
    ...figures.flatMap((each) => taskFigures(model.name, each)),
    ...[...roc].map(([ablation, panels]): ReproductionFigure => {
      const number = PAPER_ROC_FIGURES[ablation];
      return {
        fileName: `figure-${number}-roc-${ablation}`,
        title: `Figure ${number}. Known heads that are found, ${ablation} ablation`,
        caption: rocCaption(panels),
        task: undefined,
        isEmpty: panels.every(({ ours, published }) => ours === undefined && published === undefined),
        draw: (canvas) =>
          rocChart(panels, `Known heads that are found, ${ablation} ablation`, ablation, canvas),
        csv: rocCsv(
          panels.flatMap(({ ours, published }) => [
            ...(ours === undefined ? [] : [{ source: "pith" as Source, roc: ours }]),
            ...(published === undefined ? [] : [{ source: "published" as Source, roc: published }]),
          ]),
        ),
      };
    }),
  ];
}

function taskFigures(model: string, { task, ours, published }: TaskFigures): readonly ReproductionFigure[] {
  const numbers = PAPER_FIGURES.get(task);
  const panels: readonly Panel<TaskCurves>[] = [
    { name: `Pith, ${model}`, curves: ours },
    ...(published === undefined ? [] : [{ name: "published, GPT-2 small", curves: published }]),
  ];
  const csv = curvesCsv([
    { source: "pith", curves: ours },
    ...(published === undefined ? [] : [{ source: "published" as Source, curves: published }]),
  ]);
  const label = (number: number | undefined) => (number === undefined ? "" : `Figure ${number}. `);
  const file = (number: number | undefined, kind: string) =>
    `figure-${number === undefined ? "" : `${number}-`}${kind}-${fileNameOf(task)}`;
  const size = `What is left of the body, by threshold: ${task}`;
  const accuracy = `Accuracy against size: ${task}`;
  const hasTest = ours.curves.some(({ points }) => points.some(({ testAccuracy }) => testAccuracy));
  return [
    {
      fileName: file(numbers?.size, "size"),
      title: label(numbers?.size) + size,
      caption:
        "Lines are means over the repeated runs, bands one standard deviation. Size counts the matrices of heads and MLPs.",
      task,
      isEmpty: false,
      draw: (canvas) => sizeChart(panels, size, canvas),
      csv,
    },
    {
      fileName: file(numbers?.accuracy, "accuracy"),
      title: label(numbers?.accuracy) + accuracy,
      caption:
        "Each point is a threshold, bars are one standard deviation over the repeated runs. Accuracy is, as in the paper, on the validation prompts: the very ones that chose the circuit.",
      task,
      isEmpty: false,
      draw: (canvas) => accuracyChart(panels, accuracy, "validation", canvas),
      csv,
    },
    ...(hasTest
      ? [
          {
            fileName: file(numbers?.accuracy, "test-accuracy"),
            title: `${label(numbers?.accuracy)}${accuracy}, on unseen prompts`,
            caption:
              "The same circuits on test prompts, which neither the means nor the search have seen. The paper has no such figure.",
            task,
            isEmpty: false,
            draw: (canvas: ChartCanvas) =>
              accuracyChart(panels, `${accuracy}, on unseen prompts`, "test", canvas),
            csv,
          },
        ]
      : []),
  ];
}

function rocCaption(panels: readonly TaskRoc[]): string {
  const without = panels.filter(({ ours }) => ours === undefined).map(({ task }) => task);
  const areas = panels.flatMap(({ task, ours, published }) => [
    ...(ours === undefined ? [] : [`${task}: ${areaText(ours)}`]),
    ...(published === undefined ? [] : [`${task}, published: ${areaText(published)}`]),
  ]);
  const differing = panels.flatMap(({ task, ours, published }) =>
    ours === undefined || published === undefined || ours.known === published.known
      ? []
      : [`${task}: ${ours.known} here, ${published.known} there`],
  );
  return [
    "A head counts as found if it stays. Circuits are those of searches that prune heads only.",
    ...(areas.length > 0
      ? [
          `Areas under the mean curve from (0, 0) to (1, 1), and without these ends, as the paper has them: ${areas.join("; ")}.`,
        ]
      : []),
    ...(differing.length > 0
      ? [
          `The published rates count another list of heads, so the two areas are not of one thing (${differing.join("; ")}).`,
        ]
      : []),
    ...(without.length > 0
      ? [
          `No circuit of this model is known for ${without.join(", ")}: the published lists name heads of GPT-2 small. Give your own with --known TASK=FILE.`,
        ]
      : []),
  ].join(" ");
}

function areaText({ area, publishedArea, known }: RocCurves): string {
  return `${area.toFixed(3)}, and ${publishedArea.toFixed(3)} (of ${known})`;
}

/** A task's name in a form for file names. */
function fileNameOf(task: string): string {
  return task.replace(/[^\p{L}\p{N}._-]+/gu, "_");
}
