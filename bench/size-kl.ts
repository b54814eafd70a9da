/**
 * `npm run bench -- size-kl`: circuits of all sizes on nano. For the three tasks of the paper, the size–KL curve of one
 * learned search and the circuits of Algorithm 1 at many thresholds, on test prompts, which chose nothing. It has no bar:
 * it prints a table, and `--svg FILE` draws it.
 */
import { writeFile } from "node:fs/promises";
import { readTransformer } from "../src/architectures/index.ts";
import { openCheckpoint } from "../src/architectures/open-checkpoint.ts";
import { prepareSearch } from "../src/discovery/prepare.ts";
import { headsAndNeurons } from "../src/discovery/search-units.ts";
import { searchNamed } from "../src/discovery/searches/index.ts";
import type { RankedCut } from "../src/discovery/searches/search.ts";
import { sweep } from "../src/discovery/sweep.ts";
import { PAPER_TASKS } from "../src/experiments/paper-settings.ts";
import { logSpaced } from "../src/experiments/sweep-plan.ts";
import type { SizeCurvePoint } from "../src/export/size-curve-record.ts";
import { measureCuts } from "../src/jobs/extract/measure-cuts.ts";
import { openTaskGates } from "../src/jobs/open-gates.ts";
import { encodePrompts, searchSets } from "../src/jobs/prompts.ts";
import { readTask } from "../src/jobs/read-task.ts";
import { isRight } from "../src/measure/compare.ts";
import { type SizeKlPoint, sizeKlSvg } from "../src/report/maps/size-kl.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { loadTokenizer } from "../src/tokenizer/load-tokenizer.ts";
import { bodyShare } from "../src/transformer/circuit-size.ts";
import { markdownTable } from "./markdown-table.ts";

export interface SizeKlBenchOptions {
  readonly tasks: readonly string[];
  readonly alphas: readonly number[];
  /** What the learned search begins with, and its budget: Algorithm 1's circuit at this α. */
  readonly alpha: number;
  readonly seed: number;
  readonly threads: number;
  /** Where the figure is written; left out: nowhere. */
  readonly svg?: string | undefined;
  readonly json: boolean;
}

export const defaultSizeKlBench: SizeKlBenchOptions = {
  tasks: PAPER_TASKS,
  alphas: logSpaced(1e-4, 1, 17),
  ...{ alpha: 0.02, seed: 0, threads: 1, json: false },
};

interface TaskCurve {
  readonly task: string;
  /** Cuts along the ranking of one learned search. */
  readonly learned: readonly SizeCurvePoint[];
  /** The circuit that this search ends with. */
  readonly found: SizeCurvePoint;
  /** Circuits of Algorithm 1, each once. */
  readonly sweep: readonly (SizeCurvePoint & { readonly alpha: number })[];
  /** Of the search with its cuts, and of the sweep, without what comes before both. */
  readonly seconds: { readonly learned: number; readonly sweep: number };
}

export async function benchSizeKl(options: SizeKlBenchOptions): Promise<boolean> {
  const curves: TaskCurve[] = [];
  for (const task of options.tasks) {
    curves.push(await curveOf(task, options));
    process.stderr.write(`${task} is done\n`);
  }
  if (options.svg !== undefined) await writeFile(options.svg, `${figureOf(curves)}\n`);
  console.log(options.json ? JSON.stringify(curves, null, 2) : tableOf(curves));
  return true;
}

async function curveOf(
  name: string,
  { alphas, alpha, seed, threads }: SizeKlBenchOptions,
): Promise<TaskCurve> {
  const checkpoint = await openCheckpoint("models/nano");
  const model = await readTransformer(checkpoint);
  const tokenizer = await loadTokenizer("models/nano");
  const task = await readTask(name, { tokenizer, seed });
  const encoded = encodePrompts(task, tokenizer, model.contextLength, {
    ...{ means: "aligned", bos: task.bos ?? false, seed },
  });
  const runtime = inlineRuntime({ threads });
  const prepare = () =>
    prepareSearch(runtime, model, searchSets(encoded), {
      ...{ ablation: "mean", means: "aligned", neurons: true },
    });
  const begin = performance.now();
  const { evaluator, replacements } = await prepare();
  const outcome = await searchNamed("learned")
    .use({ alpha })
    .run({
      ...{ model, evaluator, replacements, mlps: true, units: headsAndNeurons, target: undefined },
      ...{ seed, signal: undefined, onEvent: () => {}, cuts: true },
      isRight: (index, logits) => {
        const example = encoded.validation[index];
        return example !== undefined && isRight(example, logits);
      },
      openGates: async () => openTaskGates({ runtime, model, encoded, replacements }),
    });
  await evaluator.close();
  const middle = performance.now();
  const { evaluator: fresh } = await prepare();
  const { results } = await sweep(fresh, model, { alphas, mlps: true, order: "published" });
  await fresh.close();
  const end = performance.now();
  const cutOf = ({ circuit, kl }: Pick<RankedCut, "circuit" | "kl">): RankedCut => ({
    ...{ circuit, kl, size: bodyShare(model, circuit) },
  });
  const measure = async (cuts: readonly RankedCut[]) =>
    (await measureCuts(
      { ...{ runtime, model: { transformer: model }, encoded, replacements }, ...quietly },
      cuts,
    )) ?? [];
  const learned = await measure(outcome.cuts ?? []);
  const [found, ...swept] = await measure([outcome, ...results].map(cutOf));
  await runtime.close();
  await checkpoint.close();
  if (found === undefined) throw new RangeError("the search found nothing");
  return {
    ...{ task: name, learned, found },
    sweep: swept
      .map((point, at) => ({ ...point, alpha: alphas[at] ?? Number.NaN }))
      .filter(({ size, kl }, at) => kl.test !== swept[at + 1]?.kl.test || size !== swept[at + 1]?.size),
    seconds: { learned: (middle - begin) / 1000, sweep: (end - middle) / 1000 },
  };
}

const quietly = { signal: undefined, onEvent: undefined };

const onTest = ({ size, kl }: SizeCurvePoint): SizeKlPoint => ({ size, kl: kl.test ?? Number.NaN });

function figureOf(curves: readonly TaskCurve[]): string {
  return sizeKlSvg({
    ...{ id: "size-kl", title: "KL by size on nano, test prompts", prompts: "test prompts" },
    panels: curves.map(({ task, learned, found, sweep }) => ({
      name: task,
      series: [
        { name: "cuts along one learned ranking", look: "line", points: learned.map(onTest) },
        { name: "the circuit of that search", look: "ring", points: [onTest(found)] },
        { name: "Algorithm 1, one search an α", look: "dots", points: sweep.map(onTest) },
      ],
    })),
  });
}

function tableOf(curves: readonly TaskCurve[]): string {
  const head = [
    "task",
    "circuit",
    "body, %",
    "heads + MLPs (neurons)",
    "validation KL",
    "test KL",
    "accuracy",
  ];
  const cells = (task: string, circuit: string, point: SizeCurvePoint) => [
    ...[task, circuit, (100 * point.size).toFixed(1)],
    `${point.heads} + ${point.mlps}${point.neurons > 0 ? ` (${point.neurons})` : ""}`,
    ...[point.kl.validation.toFixed(4), (point.kl.test ?? Number.NaN).toFixed(4)],
    (point.accuracy.test ?? Number.NaN).toFixed(3),
  ];
  const rows = curves.flatMap(({ task, learned, found, sweep }) => [
    ...learned.map((point) => cells(task, "learned cut", point)),
    cells(task, "learned circuit", found),
    ...sweep.map((point) => cells(task, `α = ${Number(point.alpha.toPrecision(3))}`, point)),
  ]);
  const seconds = curves.map(
    ({ task, seconds: { learned, sweep } }) =>
      `${task}: the learned search and its cuts ${learned.toFixed(1)} s, the sweep ${sweep.toFixed(1)} s`,
  );
  return [markdownTable(head, rows), "", ...seconds].join("\n");
}
