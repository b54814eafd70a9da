/**
 * `npm run bench -- dtypes`: the costs and gains of number formats. Accuracy and KL are measured on nano's three
 * tasks, each circuit searched for again; size and time also at GPT-2 small's shape, with seeded random weights,
 * for a circuit of a published shape.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { readTransformer } from "../src/architectures/index.ts";
import { openCheckpoint } from "../src/architectures/open-checkpoint.ts";
import { cutCircuit } from "../src/cut/cut-circuit.ts";
import { PAPER_TASKS } from "../src/experiments/paper-settings.ts";
import { type Dtype, dtypes } from "../src/export/dtype.ts";
import { withDtype } from "../src/export/dtype-graph.ts";
import { shipModel } from "../src/export/ship-model.ts";
import { timeRun } from "../src/jobs/bench/bench-cases.ts";
import { feedsOf } from "../src/jobs/bench/bench-feeds.ts";
import { type LoadMeasurement, probeLoads } from "../src/jobs/bench/probe-load.ts";
import { compileFolder } from "../src/jobs/compile/compile.ts";
import { convertCircuit } from "../src/jobs/convert/convert.ts";
import { dtypeBounds } from "../src/jobs/extract/export-dtype.ts";
import { extract } from "../src/jobs/extract/extract.ts";
import { loadModel } from "../src/jobs/load-model.ts";
import { readTask } from "../src/jobs/read-task.ts";
import { compareInTurns, type Timing } from "../src/measure/latency.ts";
import { workerRuntime } from "../src/runtime/node-runtime.ts";
import type { Session } from "../src/runtime/runtime.ts";
import { gpt2Small } from "./model-sizes.ts";
import { place, publishedShapes } from "./published-circuits.ts";
import { randomCheckpoint } from "./random-model.ts";
import { seededConstants } from "./seeded-constants.ts";
import { type ShippedGraphFiles, shipGraph } from "./ship-graph.ts";

export interface DtypesBenchOptions {
  readonly threads: number;
  /** Milliseconds after which no further round begins, for each batch. */
  readonly budget: number;
  /** The bytes of the circuit at GPT-2 small's shape. */
  readonly shape: string;
  readonly json: boolean;
}

export const defaultDtypesBench: DtypesBenchOptions = {
  threads: availableParallelism(),
  budget: 30_000,
  shape: "ioi",
  json: false,
};

interface NanoRow {
  readonly task: string;
  readonly dtype: Dtype;
  /** Whether it was compiled for the task's words; then accuracy and KL are over its answers. */
  readonly compiled: boolean;
  readonly bytes: number;
  readonly accuracy: { readonly validation: number; readonly test: number };
  /** KL(float32 circuit ‖ this one), nats. */
  readonly divergence?: { readonly validation: number; readonly test: number };
}

interface ShapeRow {
  readonly dtype: Dtype;
  readonly bytes: number;
  readonly one: Timing;
  readonly batch: Timing;
  readonly loading: LoadMeasurement;
}

const batchSize = 150;

/** @returns whether f16 and int8 are accurate within the bound, and int8 is faster than f32 for one prompt. */
export async function benchDtypes(options: DtypesBenchOptions): Promise<boolean> {
  const cache = join(import.meta.dirname, ".cache");
  await mkdir(cache, { recursive: true });
  const room = await mkdtemp(join(cache, "dtypes-"));
  try {
    const nano = await benchNano(room, options);
    const shape = await benchShape(cache, room, options);
    const [float32, int8] = [
      shape.find(({ dtype }) => dtype === "f32"),
      shape.find(({ dtype }) => dtype === "int8"),
    ];
    const bars = [
      ...nano
        .filter(({ dtype }) => dtype === "f16" || dtype === "int8")
        .map((row) => ({
          name: `${row.task}${row.compiled ? ", compiled," : ""} in ${row.dtype} within a point`,
          met: loss(row, nano) <= dtypeBounds.accuracy + 1e-9,
        })),
      {
        name: "int8 faster than f32 for one prompt",
        met: (int8?.one.median ?? 1) < (float32?.one.median ?? 0),
      },
    ];
    if (options.json) console.log(JSON.stringify({ options, nano, shape, bars }, null, 2));
    else
      console.log(
        [
          ...report(nano, shape, options),
          "",
          ...bars.map(({ name, met }) => `${met ? "met   " : "MISSED"}  ${name}`),
        ].join("\n"),
      );
    return bars.every(({ met }) => met);
  } finally {
    await rm(room, { recursive: true, force: true });
  }
}

/** The larger loss of the two sets. */
function loss({ task, compiled, accuracy }: NanoRow, rows: readonly NanoRow[]): number {
  const float32 = rows.find((row) => row.task === task && row.compiled === compiled && row.dtype === "f32");
  const lost = (split: "validation" | "test") => (float32?.accuracy[split] ?? Number.NaN) - accuracy[split];
  return Math.max(lost("validation"), lost("test"));
}

async function benchNano(room: string, { threads }: DtypesBenchOptions): Promise<readonly NanoRow[]> {
  const model = await loadModel();
  const rows: NanoRow[] = [];
  for (const name of PAPER_TASKS) {
    log(`nano, ${name}: the search, then the formats …`);
    const task = await readTask(name, { tokenizer: model.tokenizer });
    const float32 = join(room, `${name}-f32`);
    const { circuit } = await extract(model, task, float32, { threads });
    const { accuracy, bytes } = circuit.metrics;
    const both = (of: (split: "validation" | "test") => number | undefined) => ({
      validation: of("validation") ?? Number.NaN,
      test: of("test") ?? Number.NaN,
    });
    rows.push({
      task: name,
      dtype: "f32",
      compiled: false,
      bytes: bytes.circuit,
      accuracy: both((split) => accuracy[split]?.circuit),
    });
    for (const dtype of dtypes) {
      if (dtype === "f32") continue;
      const converted = await convertCircuit(float32, join(room, `${name}-${dtype}`), {
        ...{ dtype, task, original: model, threads },
        // A bad result should be reported, not refused.
        force: true,
      });
      const { metrics, dtype: record } = converted.circuit;
      rows.push({
        ...{ task: name, dtype, compiled: false, bytes: metrics.bytes.circuit },
        accuracy: both((split) => metrics.accuracy[split]?.circuit),
        divergence: both((split) => record?.divergence[split]),
      });
    }
    for (const dtype of dtypes) {
      const out = join(room, `${name}-compiled-${dtype}`);
      const { circuit: compiled } = await compileFolder(float32, out, { task, dtype, threads, force: true });
      rows.push({
        ...{ task: name, dtype, compiled: true, bytes: compiled.metrics.bytes.circuit },
        accuracy: both(
          (split) => compiled.dtype?.accuracy?.[split] ?? compiled.compiled?.accuracy[split]?.answers,
        ),
        ...(dtype !== "f32" && { divergence: both((split) => compiled.dtype?.divergence[split]) }),
      });
    }
  }
  await model.close();
  return rows;
}

async function benchShape(
  cache: string,
  room: string,
  { threads, budget, shape: name }: DtypesBenchOptions,
): Promise<readonly ShapeRow[]> {
  const shape = publishedShapes.find((each) => each.name === name);
  if (shape === undefined) throw new RangeError(`no shape is called ${name}`);
  log(`GPT-2 small's shape, ${name} …`);
  const checkpoint = await openCheckpoint(await randomCheckpoint(cache, gpt2Small, 1));
  const model = await readTransformer(checkpoint);
  const length = shape.words.length;
  const { layers, vocabulary } = gpt2Small;
  const placed = place(shape, { layers, vocabulary, prompts: batchSize, seed: 1 });
  const cut = await cutCircuit(model, placed.circuit, seededConstants(length, model.width));
  const { graph } = shipModel(cut, { kind: "aligned", length });
  const graphs = dtypes.map((dtype) => withDtype(graph, dtype));
  const files: ShippedGraphFiles[] = [];
  for (const [index, each] of graphs.entries())
    files.push(await shipGraph(each, join(room, `shape-${dtypes[index]}`)));
  const loadings = await probeLoads(
    files.map(({ modelPath }) => ({ modelPath, feeds: feedsOf(graph, placed.prompts.slice(0, 1)) })),
    { threads, runs: 3 },
  );
  const runtime = workerRuntime({ threads });
  try {
    const sessions: Session[] = [];
    for (const { modelPath } of files) sessions.push(await runtime.loadFile(modelPath));
    const time = (batch: number) =>
      compareInTurns(
        sessions.map(
          (session) => () => timeRun(runtime, session, feedsOf(graph, placed.prompts.slice(0, batch))),
        ),
        { warmUp: 3, runs: 200, budget },
      );
    const [one, batch] = [await time(1), await time(batchSize)];
    return dtypes.flatMap((dtype, index) => {
      const [own, many, loading, file] = [one[index], batch[index], loadings[index], files[index]];
      if (own === undefined || many === undefined || loading === undefined || file === undefined) return [];
      return [{ dtype, bytes: file.bytes, one: own.timing, batch: many.timing, loading }];
    });
  } finally {
    await runtime.close();
    await checkpoint.close();
  }
}

/** Prints the tables of docs/performance.md. */
function report(
  nano: readonly NanoRow[],
  shape: readonly ShapeRow[],
  options: DtypesBenchOptions,
): readonly string[] {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const kl = (nats: number | undefined) => (nats === undefined ? "0" : nats.toExponential(1));
  const mega = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
  const time = ({ median, min, max }: Timing) =>
    `${median.toPrecision(3)} ms (${min.toPrecision(3)}–${max.toPrecision(3)})`;
  const first = shape[0];
  const factor = (own: Timing, of: Timing | undefined) =>
    `${((of?.median ?? Number.NaN) / own.median).toFixed(2)}×`;
  return [
    `${cpus()[0]?.model.trim()}, ${options.threads} threads, Node ${process.versions.node}`,
    "",
    "| nano | format | weights | accuracy, validation | accuracy, test | KL to f32, validation | test |",
    "|---|---|---:|---:|---:|---:|---:|",
    ...nano.map(
      ({ task, dtype, compiled, bytes, accuracy, divergence }) =>
        `| ${task}${compiled ? ", compiled" : ""} | ${dtype} | ${mega(bytes)} | ${percent(accuracy.validation)} | ${percent(accuracy.test)} | ${kl(divergence?.validation)} | ${kl(divergence?.test)} |`,
    ),
    "",
    `| GPT-2 small's shape, ${options.shape} | files | one prompt | | ${batchSize} prompts | | load | peak memory |`,
    "|---|---:|---:|---:|---:|---:|---:|---:|",
    ...shape.map(
      ({ dtype, bytes, one, batch, loading }) =>
        `| ${dtype} | ${mega(bytes)} | ${time(one)} | ${factor(one, first?.one)} | ${time(batch)} | ${factor(batch, first?.batch)} | ${loading.load.median.toFixed(0)} ms | ${mega(loading.peakBytes)} |`,
    ),
  ];
}

const log = (line: string) => process.stderr.write(`${line}\n`);
