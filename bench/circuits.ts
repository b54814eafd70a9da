/**
 * `npm run bench -- circuits`: circuits of the published shapes at GPT-2 small's true shape with seeded random
 * weights. Original, circuit and compiled circuit run in turns, for one prompt and for many, and are compared
 * with the limits by counted FLOPs and bytes.
 */
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { readTransformer } from "../src/architectures/index.ts";
import { openCheckpoint } from "../src/architectures/open-checkpoint.ts";
import { compileCircuit } from "../src/cut/compile-circuit.ts";
import { cutCircuit } from "../src/cut/cut-circuit.ts";
import { nameWeights } from "../src/export/name-weights.ts";
import { shipCompiled } from "../src/export/ship-compiled.ts";
import { timeRun } from "../src/jobs/bench/bench-cases.ts";
import { feedsOf } from "../src/jobs/bench/bench-feeds.ts";
import { type LoadMeasurement, probeLoads } from "../src/jobs/bench/probe-load.ts";
import { lowerAligned } from "../src/lowering/aligned.ts";
import { fitLength } from "../src/lowering/fit-length.ts";
import { foldConstants } from "../src/lowering/fold-constants.ts";
import { bandwidthCeiling, matmulCeiling } from "../src/measure/ceiling.ts";
import { compareInTurns } from "../src/measure/latency.ts";
import { countFlops } from "../src/onnx/flops.ts";
import type { Graph } from "../src/onnx/graph.ts";
import { countTraffic } from "../src/onnx/traffic.ts";
import { workerRuntime } from "../src/runtime/node-runtime.ts";
import type { Runtime } from "../src/runtime/runtime.ts";
import { listsOf } from "../src/transformer/circuit.ts";
import { headNumber } from "../src/transformer/component.ts";
import type { Transformer } from "../src/transformer/transformer.ts";
import { circuitsReport } from "./circuits-report.ts";
import {
  type BatchResult,
  type Cell,
  type CircuitsBench,
  type CircuitsBenchOptions,
  type Kind,
  kinds,
  type ShapeResult,
} from "./circuits-result.ts";
import { gpt2Small } from "./model-sizes.ts";
import { profileModel } from "./profile.ts";
import { type Placed, type PublishedShape, place, publishedShapes } from "./published-circuits.ts";
import { randomCheckpoint } from "./random-model.ts";
import { seededConstants } from "./seeded-constants.ts";
import { shipGraph } from "./ship-graph.ts";

export const defaultCircuitsBench: CircuitsBenchOptions = {
  batches: [1, 150],
  threads: availableParallelism(),
  budget: 20_000,
  seed: 1,
  json: false,
};

/** @returns whether every bar was met. */
export async function benchCircuits(options: CircuitsBenchOptions): Promise<boolean> {
  const cache = join(import.meta.dirname, ".cache");
  await mkdir(cache, { recursive: true });
  log("weights: seeded random, GPT-2 small's shape, float32 safetensors …");
  const folder = await randomCheckpoint(cache, gpt2Small, 1);
  const checkpoint = await openCheckpoint(folder);
  const runtime = workerRuntime({ threads: options.threads });
  try {
    log("the machine's ceilings …");
    const before = await measureCeilings(runtime);
    const model = await readTransformer(checkpoint);
    const shapes: ShapeResult[] = [];
    for (const shape of publishedShapes) {
      if (options.only !== undefined && !options.only.includes(shape.name)) continue;
      const room = await mkdtemp(join(cache, "circuits-"));
      try {
        shapes.push(await benchShape({ runtime, model, shape, room, options }));
      } finally {
        await rm(room, { recursive: true, force: true });
      }
    }
    const after = await measureCeilings(runtime);
    const result: CircuitsBench = {
      options,
      ceilings: {
        compute: Math.max(before.compute, after.compute),
        memory: Math.max(before.memory, after.memory),
        small: Math.max(before.small, after.small),
      },
      checkpointBytes: (await stat(join(folder, "model.safetensors"))).size,
      shapes,
    };
    const { text, bars } = circuitsReport(result);
    console.log(options.json ? JSON.stringify({ ...result, bars }, null, 2) : text);
    return bars.every(({ met }) => met);
  } finally {
    await runtime.close();
    await checkpoint.close();
  }
}

async function measureCeilings(runtime: Runtime): Promise<CircuitsBench["ceilings"]> {
  return {
    compute: await matmulCeiling(runtime),
    memory: await bandwidthCeiling(runtime, 400e6),
    small: await bandwidthCeiling(runtime, 38e6),
  };
}

interface ShapeJob {
  readonly runtime: Runtime;
  readonly model: Transformer;
  readonly shape: PublishedShape;
  readonly room: string;
  readonly options: CircuitsBenchOptions;
}

async function benchShape({ runtime, model, shape, room, options }: ShapeJob): Promise<ShapeResult> {
  const { batches, threads, budget, seed } = options;
  const length = shape.words.length;
  const placed = place(shape, {
    layers: gpt2Small.layers,
    vocabulary: gpt2Small.vocabulary,
    prompts: Math.max(...batches),
    seed,
  });
  const { heads, mlps } = listsOf(placed.circuit);
  log(`${shape.name}: heads ${heads.map((head) => headNumber(...head)).join(" ")}, MLPs ${mlps.join(" ")} …`);
  const graphs = await lowerAll(runtime, model, placed, length);
  const files = await mapKinds((kind) => shipGraph(graphs[kind], join(room, kind)));
  const one = placed.prompts.slice(0, 1);
  const loads = await probeLoads(
    kinds.map((kind) => ({ modelPath: files[kind].modelPath, feeds: feedsOf(graphs[kind], one) })),
    { threads, runs: 3 },
  );
  const sessions = await mapKinds((kind) => runtime.loadFile(files[kind].modelPath));
  const results: BatchResult[] = [];
  for (const batch of batches) {
    const ids = placed.prompts.slice(0, batch);
    log(`  ${batch} prompt${batch === 1 ? "" : "s"}, in turns …`);
    const timings = await compareInTurns(
      kinds.map((kind) => () => timeRun(runtime, sessions[kind], feedsOf(graphs[kind], ids))),
      { warmUp: 2, runs: 100, budget },
    );
    const cells: Partial<Record<Kind, Cell>> = {};
    for (const [index, kind] of kinds.entries()) {
      const timing = timings[index]?.timing;
      if (timing === undefined) throw new RangeError("a kind was not timed");
      cells[kind] = {
        flops: countFlops(graphs[kind], { batch }),
        bytes: countTraffic(graphs[kind], { batch }),
        timing,
        profile: await profileModel(files[kind].modelPath, ids, { threads, runs: batch === 1 ? 20 : 3 }),
      };
    }
    results.push({ batch, cells: cells as Record<Kind, Cell> });
  }
  for (const kind of kinds) await sessions[kind].unload();
  const load = (kind: Kind): LoadMeasurement => {
    const found = loads[kinds.indexOf(kind)];
    if (found === undefined) throw new RangeError("a model was not loaded");
    return found;
  };
  return {
    name: shape.name,
    length,
    circuit: placed.circuit,
    pairs: placed.vocabulary.positions.reduce((sum, tokens) => sum + tokens.length, 0),
    files: await mapKinds(async (kind) => files[kind].bytes),
    loads: await mapKinds(async (kind) => load(kind)),
    batches: results,
  };
}

/** Lowers the three by the code that ships them. */
async function lowerAll(
  runtime: Runtime,
  model: Transformer,
  { circuit, vocabulary }: Placed,
  length: number,
): Promise<Readonly<Record<Kind, Graph>>> {
  const cut = await cutCircuit(model, circuit, seededConstants(length, model.width));
  const fitted = nameWeights(fitLength(cut, length));
  const compiled = await compileCircuit(runtime, fitted, vocabulary);
  return {
    original: lowerAligned(nameWeights(foldConstants(model)), length, "portable"),
    circuit: lowerAligned(fitted, length, "portable"),
    compiled: shipCompiled(compiled).graph,
  };
}

async function mapKinds<T>(make: (kind: Kind) => Promise<T>): Promise<Readonly<Record<Kind, T>>> {
  return {
    original: await make("original"),
    circuit: await make("circuit"),
    compiled: await make("compiled"),
  };
}

const log = (line: string) => process.stderr.write(`${line}\n`);
