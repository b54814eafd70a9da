/**
 * `npm run bench -- threads`: finds where more threads become faster, and compares that with the bounds of
 * `src/jobs/choose-threads.ts`. One layer of growing width on a full batch, a whole model of growing width on one
 * prompt, and nano's whole search run in turns in one thread and in as many as there are cores. There is no bar:
 * the bounds should be where the ratio passes 1.
 */
import { availableParallelism, cpus } from "node:os";
import { makeBatches, tokensAtOnce } from "../src/discovery/batch.ts";
import { constantTensor, zeroConstant } from "../src/discovery/constant.ts";
import { embedBatches } from "../src/discovery/embedding.ts";
import { layerFeeds, wholeBlock } from "../src/discovery/forward.ts";
import { prepareSearch } from "../src/discovery/prepare.ts";
import { search } from "../src/discovery/searches/greedy/search.ts";
import { shipModel } from "../src/export/ship-model.ts";
import { promptBound, searchBound } from "../src/jobs/choose-threads.ts";
import { loadModel } from "../src/jobs/load-model.ts";
import { encodePrompts, searchSets } from "../src/jobs/prompts.ts";
import { readTask } from "../src/jobs/read-task.ts";
import { gatedLayer } from "../src/lowering/stages.ts";
import { timeInTurns } from "../src/measure/latency.ts";
import type { SpeedRatio } from "../src/measure/speed-ratio.ts";
import { formatSpeed } from "../src/report/format.ts";
import { workerRuntime } from "../src/runtime/node-runtime.ts";
import type { Runtime } from "../src/runtime/runtime.ts";
import type { Transformer } from "../src/transformer/transformer.ts";
import { randomTransformer } from "../test/support/random-transformer.ts";

export interface ThreadsBenchOptions {
  readonly threads: number;
  readonly json: boolean;
}

export const defaultThreadsBench: ThreadsBenchOptions = { threads: availableParallelism(), json: false };

const widths = [128, 192, 256, 320, 384, 448, 512, 640, 768];
const promptLength = 16;

interface Line {
  readonly what: string;
  /** FLOPs of one run. */
  readonly flops: number;
  /** The bound that Pith uses. */
  readonly bound: number;
  /** One thread's time divided by all threads' time. */
  readonly speed: SpeedRatio;
}

export async function benchThreads({ threads, json }: ThreadsBenchOptions): Promise<boolean> {
  const one = workerRuntime({ threads: 1 });
  const all = workerRuntime({ threads });
  const lines: Line[] = [];
  const log = (line: Line) => {
    lines.push(line);
    process.stderr.write(`${describe(line)}\n`);
  };
  for (const width of widths) log(await timeLayer(one, all, width));
  for (const width of widths.filter((each) => each <= 512)) log(await timePrompt(one, all, width));
  log(await timeNano(one, all));
  await one.close();
  await all.close();
  const machine = `${cpus()[0]?.model ?? "unknown"}, ${threads} threads beside one, Node ${process.versions.node}`;
  console.log(
    json ? JSON.stringify({ machine, lines }, null, 2) : [machine, ...lines.map(describe)].join("\n"),
  );
  return true;
}

const describe = ({ what, flops, bound, speed }: Line): string =>
  `${what.padEnd(34)} ${(flops / 1e9).toFixed(2).padStart(6)} GFLOP (bound ${(bound / 1e9).toFixed(1)}): all threads ${formatSpeed(speed)}`;

/** Wall clock, because a user waits for it: it includes the cost of threads for the rest of the program. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** @returns the average FLOPs of one run of a session. */
async function compare(
  one: Runtime,
  all: Runtime,
  prepare: (runtime: Runtime) => Promise<() => Promise<void>>,
) {
  const [first, second] = [await prepare(one), await prepare(all)];
  const before = { flops: one.counters.flops, runs: one.counters.runs };
  await first();
  const flops = (one.counters.flops - before.flops) / (one.counters.runs - before.runs);
  const [, , speed] = await timeInTurns(
    () => timed(first),
    () => timed(second),
  );
  return { flops, speed };
}

async function timeLayer(one: Runtime, all: Runtime, width: number): Promise<Line> {
  const model = modelOf(width, 1);
  const block = wholeBlock(model, 0);
  const prompts = Array.from({ length: tokensAtOnce({ device: "cpu" }) / promptLength }, () => prompt());
  const [batch] = makeBatches(prompts);
  const [x] = batch === undefined ? [] : await embedBatches(model, [batch]);
  if (x === undefined) throw new RangeError("no batch");
  const measured = await compare(one, all, async (runtime) => {
    const session = await runtime.load(gatedLayer(block, width, "one"));
    const nothing = constantTensor(zeroConstant({ kind: "one" }, width), "all", promptLength);
    const heads = block.attention.heads.length;
    const feeds = {
      ...{ x, ...layerFeeds(block, promptLength), attentionConstant: nothing, mlpConstant: nothing },
      headGates: { type: "float32", shape: [heads, 1], data: new Float32Array(heads).fill(1) },
      mlpGate: { type: "float32", shape: [1], data: Float32Array.of(1) },
    } as const;
    return async () => runtime.release(...Object.values(await session.run(feeds)));
  });
  return { what: `a layer of width ${width}, a batch`, bound: searchBound, ...measured };
}

async function timePrompt(one: Runtime, all: Runtime, width: number): Promise<Line> {
  const { graph } = shipModel(modelOf(width, 12), { kind: "aligned", length: promptLength });
  const ids = BigInt64Array.from(prompt(), BigInt);
  const measured = await compare(one, all, async (runtime) => {
    const session = await runtime.load(graph);
    const feeds = { input_ids: { type: "int64", shape: [1, promptLength], data: ids } } as const;
    return async () => runtime.release(...Object.values(await session.run(feeds)));
  });
  return { what: `12 layers of width ${width}, a prompt`, bound: promptBound, ...measured };
}

async function timeNano(one: Runtime, all: Runtime): Promise<Line> {
  const model = await loadModel();
  const { transformer, tokenizer } = model;
  const task = await readTask("ioi", { tokenizer, seed: 0 });
  const encoded = encodePrompts(task, tokenizer, transformer.contextLength, {
    ...{ means: "aligned", bos: false, seed: 0 },
  });
  const measured = await compare(one, all, async (runtime) => async () => {
    const { evaluator } = await prepareSearch(runtime, transformer, searchSets(encoded), {
      ...{ ablation: "mean", means: "aligned" },
    });
    await search(evaluator, transformer, { alpha: 0.02, mlps: true, order: "published" });
    await evaluator.close();
  });
  await model.close();
  return { what: "nano's search on IOI, a run of it", bound: searchBound, ...measured };
}

function modelOf(width: number, layers: number): Transformer {
  const headWidth = 64;
  return randomTransformer({
    ...{ layers, heads: width / headWidth, headWidth, width, hidden: 4 * width },
    ...{ vocabulary: 1000, context: promptLength },
  });
}

const prompt = (): number[] => Array.from({ length: promptLength }, (_, index) => (index * 37) % 1000);
