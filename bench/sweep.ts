/**
 * `npm run bench -- sweep`: compares 30 thresholds in one walk with 30 separate searches of the same code, each
 * with passes of its own, on nano: every built-in task in every setting, seed 0. The two take turns in one
 * runtime that is warm; only the loaded model is shared. What a sweep measures of its circuits afterwards is not
 * included in either.
 */
import { availableParallelism, cpus } from "node:os";
import { prepareSearch, type SearchSets } from "../src/discovery/prepare.ts";
import { search } from "../src/discovery/searches/greedy/search.ts";
import { sweep } from "../src/discovery/sweep.ts";
import { PAPER_TASKS } from "../src/experiments/paper-settings.ts";
import { logSpaced } from "../src/experiments/sweep-plan.ts";
import { readSweepTasks } from "../src/experiments/sweep-tasks.ts";
import { loadModel } from "../src/jobs/load-model.ts";
import { searchSets } from "../src/jobs/prompts.ts";
import { summarize, type Timing } from "../src/measure/latency.ts";
import { workerRuntime } from "../src/runtime/node-runtime.ts";
import type { Counters, Runtime } from "../src/runtime/runtime.ts";
import type { Transformer } from "../src/transformer/transformer.ts";

export interface SweepBenchOptions {
  readonly alphas: readonly number[];
  readonly tasks: readonly string[];
  readonly threads: number;
  /** Counted pairs of each setting, after a short warm-up. */
  readonly pairs: number;
  readonly json: boolean;
}

export const defaultSweepBench: SweepBenchOptions = {
  alphas: logSpaced(1e-5, 1, 30),
  tasks: PAPER_TASKS,
  threads: availableParallelism(),
  pairs: 3,
  json: false,
};

const BAR = 2.5;

interface Setting {
  readonly ablation: "mean" | "zero";
  readonly mlps: boolean;
}

const settings: readonly Setting[] = (["mean", "zero"] as const).flatMap((ablation) =>
  [true, false].map((mlps) => ({ ablation, mlps })),
);

/** Milliseconds and runs in the engine by kind of graph. */
type Graphs = Readonly<Record<string, { readonly runs: number; readonly milliseconds: number }>>;

interface Side {
  readonly seconds: Timing;
  readonly evaluations: number;
  /** From the last run. */
  readonly graphs: Graphs;
}

interface Pair extends Setting {
  readonly task: string;
  readonly together: Side;
  readonly apart: Side;
  readonly ratio: number;
}

/** @returns whether the bar was met in every setting. */
export async function benchSweep(options: SweepBenchOptions): Promise<boolean> {
  const { alphas, threads, pairs } = options;
  const log = (line: string) => process.stderr.write(`${line}\n`);
  const model = await loadModel();
  const tasks = await readSweepTasks(model, options.tasks, { means: "aligned", seeds: [0] });
  const runtime = workerRuntime({ threads });
  const results: Pair[] = [];
  for (const { name, draws } of tasks) {
    for (const setting of settings) {
      const sets = draws[0] && searchSets(draws[0].encoded);
      if (sets === undefined) throw new RangeError(`${name} without prompts`);
      const job: Job = { runtime, model: model.transformer, sets, alphas, setting };
      // Not counted: this run compiles JavaScript, starts threads, and reads weights into the system's cache.
      await together({ ...job, alphas: alphas.slice(-3) });
      await apart({ ...job, alphas: alphas.slice(-1) });
      const runs: { together: Run[]; apart: Run[] } = { together: [], apart: [] };
      for (let pair = 0; pair < pairs; pair++) {
        log(`${name}, ${describe(setting)}: pair ${pair + 1} of ${pairs} …`);
        // The order alternates, so that neither of them is always the second.
        for (const kind of pair % 2 === 0
          ? (["together", "apart"] as const)
          : (["apart", "together"] as const)) {
          runs[kind].push(await (kind === "together" ? together(job) : apart(job)));
        }
      }
      const [one, other] = [side(runs.together), side(runs.apart)];
      const ratio = other.seconds.median / one.seconds.median;
      results.push({ ...{ task: name, ...setting, together: one, apart: other }, ratio });
      log(
        `  sweep ${spread(one.seconds)} s, apart ${spread(other.seconds)} s, ratio ${ratio.toFixed(2)}; ${one.evaluations} evaluations, ${other.evaluations} apart`,
      );
    }
  }
  await runtime.close();
  await model.close();

  const met = results.every(({ ratio }) => ratio >= BAR);
  const machine = `${cpus()[0]?.model ?? "unknown"}, ${threads} threads, Node ${process.versions.node}`;
  if (options.json) console.log(JSON.stringify({ machine, options, bar: BAR, met, results }, null, 2));
  else console.log(report(machine, options, results).join("\n"));
  return met;
}

interface Job {
  readonly runtime: Runtime;
  readonly model: Transformer;
  readonly sets: SearchSets;
  readonly alphas: readonly number[];
  readonly setting: Setting;
}

interface Run {
  readonly seconds: number;
  readonly evaluations: number;
  readonly graphs: Graphs;
}

/** One walk with all thresholds. */
function together({ runtime, model, sets, alphas, setting: { ablation, mlps } }: Job): Promise<Run> {
  return timed(runtime, async () => {
    const { evaluator } = await prepareSearch(runtime, model, sets, { ablation, means: "aligned" });
    const { evaluations } = await sweep(evaluator, model, { alphas, mlps, order: "published" });
    await evaluator.close();
    return evaluations;
  });
}

/** A search for each threshold, with passes of its own. */
function apart({ runtime, model, sets, alphas, setting: { ablation, mlps } }: Job): Promise<Run> {
  return timed(runtime, async () => {
    let evaluations = 0;
    for (const alpha of alphas) {
      const { evaluator } = await prepareSearch(runtime, model, sets, { ablation, means: "aligned" });
      const { trace } = await search(evaluator, model, { alpha, mlps, order: "published" });
      await evaluator.close();
      evaluations += trace.length;
    }
    return evaluations;
  });
}

async function timed(runtime: Runtime, work: () => Promise<number>): Promise<Run> {
  const before = snapshot(runtime.counters);
  const begin = performance.now();
  const evaluations = await work();
  const seconds = (performance.now() - begin) / 1000;
  const graphs = Object.entries(snapshot(runtime.counters)).map(([name, { runs, milliseconds }]) => {
    const was = before[name] ?? { runs: 0, milliseconds: 0 };
    return [name, { runs: runs - was.runs, milliseconds: milliseconds - was.milliseconds }] as const;
  });
  return { seconds, evaluations, graphs: Object.fromEntries(graphs) };
}

const snapshot = ({ graphs }: Counters): Graphs =>
  Object.fromEntries([...graphs].map(([name, { runs, milliseconds }]) => [name, { runs, milliseconds }]));

function side(runs: readonly Run[]): Side {
  const last = runs.at(-1);
  if (last === undefined) throw new RangeError("no pairs");
  return { ...last, seconds: summarize(runs.map(({ seconds }) => seconds)) };
}

function report(machine: string, { alphas, pairs }: SweepBenchOptions, results: readonly Pair[]): string[] {
  const header =
    "task          setting         evaluations: sweep  apart       sweep, s             apart, s        ratio";
  const lines = results.map(({ task, together: one, apart: other, ratio, ...setting }) =>
    [
      task.padEnd(13),
      describe(setting).padEnd(15),
      String(one.evaluations).padStart(19),
      String(other.evaluations).padStart(6),
      spread(one.seconds).padStart(19),
      spread(other.seconds).padStart(21),
      `${ratio.toFixed(2)} ${ratio >= BAR ? "met" : "MISSED"}`.padStart(13),
    ].join(" "),
  );
  const missed = results.filter(({ ratio }) => ratio < BAR);
  return [
    `machine   ${machine}`,
    `sweep     ${alphas.length} thresholds from ${alphas[0]} to ${alphas.at(-1)}, nano, seed 0; medians of ${pairs} pairs (least–most); bar ${BAR}`,
    "",
    header,
    ...lines,
    ...missed.flatMap((pair) => [
      "",
      `missed: ${pair.task}, ${describe(pair)}; where its last run's time went, s (runs):`,
      ...whereTimeWent("sweep", pair.together),
      ...whereTimeWent("apart", pair.apart),
    ]),
  ];
}

function whereTimeWent(name: string, { graphs, seconds }: Side): string[] {
  const entries = Object.entries(graphs).filter(([, { runs }]) => runs > 0);
  const busy = entries.reduce((sum, [, { milliseconds }]) => sum + milliseconds / 1000, 0);
  const parts = entries
    .sort(([, a], [, b]) => b.milliseconds - a.milliseconds)
    .map(([graph, { runs, milliseconds }]) => `${graph} ${(milliseconds / 1000).toFixed(2)} (${runs})`);
  return [`  ${name}: ${parts.join(", ")}; outside the engine about ${(seconds.median - busy).toFixed(2)}`];
}

const describe = ({ ablation, mlps }: Setting): string => `${ablation}, ${mlps ? "MLPs" : "heads only"}`;
const spread = ({ median, min, max }: Timing): string =>
  `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
