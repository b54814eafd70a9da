/**
 * The search in a process of its own, so that the peak of resident memory is caused by the search. Prints one
 * line of JSON. Called by `search.ts`.
 */
import { readTransformer } from "../src/architectures/index.ts";
import { openCheckpoint } from "../src/architectures/open-checkpoint.ts";
import { walk } from "../src/discovery/evaluator/walk.ts";
import { prepareSearch } from "../src/discovery/prepare.ts";
import { candidates } from "../src/discovery/searches/greedy/search.ts";
import { workerRuntime } from "../src/runtime/node-runtime.ts";
import { peakMemory } from "../src/runtime/peak-memory.ts";
import type { GraphCounters } from "../src/runtime/runtime.ts";
import { type Circuit, countKept, keeps, wholeCircuit } from "../src/transformer/circuit.ts";
import { type ComponentKind, shapeOf } from "../src/transformer/component.ts";
import { seededPrompts } from "./random-model.ts";

export interface SearchJob {
  readonly folder: string;
  readonly circuit: Circuit;
  readonly patching: number;
  readonly validation: number;
  readonly length: number;
  readonly threads: number;
  /** Components of lower layers are not tried. */
  readonly lowest: number;
}

export interface SearchReport {
  readonly seconds: {
    readonly load: number;
    readonly activations: number;
    readonly search: number;
    readonly total: number;
  };
  readonly flops: number;
  readonly runs: number;
  readonly weightBytes: number;
  /** The engine's time, by kind of graph. */
  readonly graphs: Readonly<Record<string, Readonly<GraphCounters>>>;
  readonly evaluated: number;
  readonly peakBytes: number;
  readonly kept: Readonly<Record<ComponentKind, number>>;
}

const job = JSON.parse(process.argv[2] ?? "") as SearchJob;
const marks = [performance.now()];
const mark = () => marks.push(performance.now());

const checkpoint = await openCheckpoint(job.folder);
const model = await readTransformer(checkpoint);
const runtime = workerRuntime({ threads: job.threads });
const prompts = (count: number, seed: number) => seededPrompts(count, job.length, model.vocabularySize, seed);
mark();
const sets = { patching: prompts(job.patching, 1), validation: prompts(job.validation, 2) };
const { evaluator } = await prepareSearch(runtime, model, sets, { ablation: "mean", means: "aligned" });
mark();
const tried = candidates(model, { mlps: true, order: "published" })
  .filter(({ layer }) => layer >= job.lowest)
  .map((component) => [component]);
let evaluated = 0;
const found = await walk(
  evaluator,
  model.blocks.length,
  wholeCircuit(shapeOf(model)),
  tried,
  async ([component], candidate) => {
    await candidate.kl();
    evaluated++;
    if (process.stderr.isTTY) process.stderr.write(`\r  candidate ${evaluated}/${tried.length} `);
    return component !== undefined && !keeps(job.circuit, component);
  },
);
mark();
const seconds = (from: number, to: number) =>
  ((marks[to] ?? Number.NaN) - (marks[from] ?? Number.NaN)) / 1000;
const report: SearchReport = {
  seconds: { load: seconds(0, 1), activations: seconds(1, 2), search: seconds(2, 3), total: seconds(0, 3) },
  flops: runtime.counters.flops,
  runs: runtime.counters.runs,
  weightBytes: runtime.counters.weightBytes,
  graphs: Object.fromEntries(runtime.counters.graphs),
  evaluated,
  peakBytes: peakMemory(),
  kept: countKept(found),
};
console.log(JSON.stringify(report));
await runtime.close();
await checkpoint.close();
