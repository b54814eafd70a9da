/**
 * Estimates the cost of a search before it begins. Its matrix products are counted, and one layer of the same
 * model is run on prompts of the same length to measure how many operations this machine does in a second. The
 * number of components that will stay is not known before the search, so the time is given as a range: nothing
 * stays, or everything does.
 */

import { makeBatches } from "../discovery/batch.ts";
import { constantTensor, zeroConstant } from "../discovery/constant.ts";
import { layerFeeds, wholeBlock } from "../discovery/forward.ts";
import { shareOut } from "../experiments/sweep-jobs.ts";
import { searchThreads } from "../jobs/choose-threads.ts";
import type { Model } from "../jobs/load-model.ts";
import { gatedLayer } from "../lowering/stages.ts";
import { countParameters } from "../measure/parameters.ts";
import { workerRuntime } from "../runtime/node-runtime.ts";
import { type ComponentKind, headCountsOf } from "../transformer/component.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { elementCount } from "../transformer/weight.ts";
import type { Estimate, RunOptions, SweepRanges, TaskSource } from "./api.ts";
import { unitsOf } from "./models.ts";
import { encodeFor, taskOfSource } from "./tasks.ts";

/** The share of kept components for which the single figure between the two ends is given. */
const assumedShare = 1 / 3;

/** The maximal time for timing a finished circuit against its original (`timeInTurns`). */
const timingSeconds = 2;

/** Bytes; measured, see `memoryOf`. */
const engineBytes = 150e6;

/**
 * A run's peak memory relative to its weights in float32, when circuit and original are timed side by side: on
 * GPT-2 small's shape 3.3 if nothing stayed and 4.2 if everything did.
 */
const peakByWeights = 3.6;

/** How long a measured rate is used, in milliseconds. Options change with every key that is pressed. */
const rateAge = 60_000;
const rates = new WeakMap<Model, Map<string, { readonly rate: number; readonly taken: number }>>();

export interface EstimateJob {
  readonly task: TaskSource;
  readonly options: RunOptions;
  /** The ranges of a sweep, for a sweep. */
  readonly sweep?: SweepRanges | undefined;
  readonly threads: number | undefined;
}

export async function estimate(
  model: Model,
  { task: source, options, sweep, threads }: EstimateJob,
): Promise<Estimate> {
  const encoded = await encodeFor(await taskOfSource(source, model, options), model, options);
  const { transformer } = model;
  const tokens = (prompts: readonly { readonly forced: readonly number[] }[]) =>
    prompts.reduce((sum, { forced }) => sum + forced.length, 0);
  const sizes: Sizes = {
    passes: tokens(encoded.patching) + tokens(encoded.validation),
    validation: tokens(encoded.validation),
    answers: encoded.validation.reduce((sum, { scored }) => sum + scored, 0),
    measured: 2 * tokens(encoded.validation) + tokens(encoded.test),
  };
  const longest = encoded.validation.reduce((most, { forced }) => Math.max(most, forced.length), 1);
  const rate = await recentRate(model, longest, encoded.validation.length, threads);
  const secondsAt = (share: number) =>
    timingSeconds + countOperations(transformer, options, sizes, share) / rate;
  const [least, most] = [secondsAt(0), secondsAt(1)];
  const memory = memoryOf(transformer, sizes, longest);
  const jobs = sweep === undefined ? 1 : shareOut(transformer, { units: runsOf(sweep), threads }).jobs;
  return {
    candidates: unitsOf(model, options).length,
    seconds: secondsAt(assumedShare),
    memoryBytes: Math.round(jobs * (memory.engine + memory.data)),
    ...(sweep && {
      searches: searchesOf(sweep),
      secondsAtMost: [...new Set(sweep.mlps)].reduce((sum, mlps) => {
        const search = countOperations(transformer, { ...options, mlps }, sizes, 1) / rate;
        return sum + (searchesOf(sweep) / new Set(sweep.mlps).size) * search;
      }, 0),
    }),
    how: `Matrix products, counted as if a third of the components stayed, at the ${gigaflops(rate)} GFLOP/s that this machine has just done on one layer, and ${timingSeconds} s for timing the result; from ${seconds(least)} (nothing stays) to ${seconds(most)} (all of it). ${howMuchMemory(memory, jobs)}`,
  };
}

function runsOf({ ablations, mlps, seeds }: SweepRanges): number {
  return new Set(ablations).size * new Set(mlps).size * new Set(seeds).size;
}

/** Assumes that the searches share no work, because how much they share is not known before the sweep. */
function searchesOf(sweep: SweepRanges): number {
  return runsOf(sweep) * new Set(sweep.alphas).size;
}

interface Sizes {
  /** Tokens of the patching and validation prompts. */
  readonly passes: number;
  readonly validation: number;
  /** Answer positions of the validation prompts. */
  readonly answers: number;
  /** Tokens that verification and measurement process, for the original and the circuit each. */
  readonly measured: number;
}

/** @param share of the components that stays. */
function countOperations(
  model: Transformer,
  options: Pick<RunOptions, "mlps" | "order" | "components">,
  { passes, validation, answers, measured }: Sizes,
  share: number,
): number {
  const { width, vocabularySize } = model;
  const costs = model.blocks.map((_, layer) => {
    const { attention, mlp } = wholeBlock(model, layer);
    const matrices = (linears: readonly { readonly weight: { readonly shape: readonly number[] } }[]) =>
      linears.reduce((sum, { weight }) => sum + 2 * elementCount(weight.shape), 0);
    return {
      attention: matrices([attention.query, attention.key, attention.value, attention.output]),
      mlp: matrices([...(mlp.gate ? [mlp.gate] : []), mlp.up, mlp.down]),
      head: 2 * attention.headWidth * width,
    };
  });
  const layerCost = costs.reduce((sum, { attention, mlp }) => sum + attention + mlp, 0);
  const unembedding = 2 * width * vocabularySize;
  let total = passes * layerCost + measured * layerCost * (1 + share);
  let above = 0;
  for (const layer of [...costs.keys()].reverse()) {
    const cost = costs[layer];
    if (cost === undefined) continue;
    // If no head above stays, only answer positions are computed.
    const positions = share * above > 0 ? validation : answers;
    total += validation * cost.attention;
    const own = { ...model, blocks: model.blocks.slice(layer, layer + 1) };
    for (const unit of unitsOf({ transformer: own }, options)) {
      const trial = Math.max(...unit.map(({ kind }) => trialCost(kind, cost)));
      total += positions * (trial + share * above) + answers * unembedding;
    }
    above += cost.attention + cost.mlp;
  }
  return total;
}

/** The cost of a trial in the component's own layer, at one position. */
function trialCost(kind: ComponentKind, cost: { readonly head: number; readonly mlp: number }): number {
  switch (kind) {
    case "head":
      return cost.head + cost.mlp;
    case "mlp":
    case "neuron":
      return 0;
  }
}

async function recentRate(
  model: Model,
  length: number,
  prompts: number,
  threads: number | undefined,
): Promise<number> {
  const known = rates.get(model) ?? new Map<string, { readonly rate: number; readonly taken: number }>();
  rates.set(model, known);
  const key = `${length} ${prompts}`;
  const recent = known.get(key);
  if (recent !== undefined && Date.now() - recent.taken < rateAge) return recent.rate;
  const rate = await measureRate(model.transformer, length, prompts, threads);
  known.set(key, { rate, taken: Date.now() });
  return rate;
}

/** Operations a second of one layer on a batch of such prompts: the best of three runs after a first one. */
async function measureRate(
  model: Transformer,
  length: number,
  prompts: number,
  threads: number | undefined,
): Promise<number> {
  const runtime = workerRuntime({ threads: threads ?? searchThreads(model) });
  try {
    const [batch] = makeBatches(Array.from({ length: prompts }, () => Array.from({ length }, () => 0)));
    if (batch === undefined) return Number.NaN;
    const block = wholeBlock(model, 0);
    const session = await runtime.load(gatedLayer(block, model.width, "one"));
    const nothing = constantTensor(zeroConstant({ kind: "one" }, model.width), "all", length);
    const shape = [batch.ids.length, length, model.width];
    const heads = block.attention.heads.length;
    const feeds = {
      x: { type: "float32", shape, data: new Float32Array(elementCount(shape)).map((_, at) => (at % 7) - 3) },
      ...layerFeeds(block, length),
      headGates: { type: "float32", shape: [heads, 1], data: new Float32Array(heads).fill(1) },
      mlpGate: { type: "float32", shape: [1], data: Float32Array.of(1) },
      attentionConstant: nothing,
      mlpConstant: nothing,
    } as const;
    let best = 0;
    for (let turn = 0; turn < 4; turn++) {
      const before = totals(runtime.counters.graphs);
      await runtime.release(...Object.values(await session.run(feeds)));
      const after = totals(runtime.counters.graphs);
      const rate = (after.flops - before.flops) / ((after.milliseconds - before.milliseconds) / 1000);
      if (turn > 0) best = Math.max(best, rate);
    }
    return best;
  } finally {
    await runtime.close();
  }
}

function totals(graphs: ReadonlyMap<string, { readonly flops: number; readonly milliseconds: number }>) {
  let [flops, milliseconds] = [0, 0];
  for (const graph of graphs.values()) {
    flops += graph.flops;
    milliseconds += graph.milliseconds;
  }
  return { flops, milliseconds };
}

interface Memory {
  readonly engine: number;
  readonly data: number;
}

/**
 * Memory in addition to what the studio uses already. The engine's share is what three tasks on nano needed
 * beyond the rest: ONNX Runtime with a thread of its own, its arenas, compiled code and garbage that is not yet
 * collected (docs/studio.md).
 */
function memoryOf(model: Transformer, { validation }: Sizes, longest: number): Memory {
  const { width, blocks } = model;
  const weights = 4 * countParameters(model).total;
  const residuals = 4 * validation * width * (blocks.length + 1);
  const heads = Math.max(0, ...headCountsOf(model));
  const layer = 4 * validation * (6 * width + heads * longest);
  return { engine: engineBytes, data: peakByWeights * weights + residuals + layer };
}

function howMuchMemory({ engine, data }: Memory, jobs: number): string {
  const parts = `${megabytes(engine)} for the engine, ${megabytes(data)} for weights and activations`;
  return `Memory comes on top of what is in use now: ${parts}${jobs > 1 ? `, for each of ${jobs} searches at a time` : ""}.`;
}

/** Two significant digits, never with an exponent. */
const round = (value: number) => Number(value.toPrecision(2));
const gigaflops = (rate: number) => `${round(rate / 1e9)}`;
const megabytes = (value: number) => `${Math.round(value / 1e6)} MB`;
const seconds = (value: number) => (value < 100 ? `${round(value)} s` : `${Math.round(value / 60)} min`);
