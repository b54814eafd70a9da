/**
 * `npm run bench -- gradients`: a forward and backward pass with gates on all heads, MLPs and neurons, beside a plain
 * forward pass of the same prompts, in pairs; and the peak memory of such a pass, in a process of its own. The model has
 * GPT-2 small's shape and seeded random weights.
 */
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { readTransformer } from "../src/architectures/index.ts";
import { openCheckpoint } from "../src/architectures/open-checkpoint.ts";
import { summarize } from "../src/measure/latency.ts";
import { countParameters } from "../src/measure/parameters.ts";
import { workerRuntime } from "../src/runtime/node-runtime.ts";
import { gateKinds, uniformGates } from "../src/transformer/gates.ts";
import type { GradientsJob, GradientsReport } from "./gradients-process.ts";
import { plainForward } from "./plain-forward.ts";
import { randomCheckpoint, seededPrompts } from "./random-model.ts";
import { searchCases } from "./search-cases.ts";
import { openSeededGates } from "./seeded-gates.ts";

export interface GradientsBenchOptions {
  readonly prompts: number;
  readonly length: number;
  readonly pairs: number;
  readonly threads: number;
  readonly json: boolean;
}

export const defaultGradientsBench: GradientsBenchOptions = {
  prompts: 64,
  length: 16,
  pairs: 5,
  threads: availableParallelism(),
  json: false,
};

/** Forward and backward, at most so many plain forwards. */
const timeBar = 4;
/** Peak memory, at most so many times the weights and one layer's activations. */
const memoryBar = 3;

/** @returns whether both bars were met. */
export async function benchGradients(options: GradientsBenchOptions): Promise<boolean> {
  const { prompts, length, pairs, threads, json } = options;
  const { size, name } = searchCases.gpt2;
  const cache = join(import.meta.dirname, ".cache");
  await mkdir(cache, { recursive: true });
  const folder = await randomCheckpoint(cache, size, 1, "F32");
  const ratios = await timeRatios(folder, options);
  const memory = {
    inTurn: await peakOf({ folder, prompts, length, threads, holds: false }),
    held: await peakOf({ folder, prompts, length, threads, holds: true }),
  };
  const weightBytes = 4 * (await parameterCount(folder));
  const activationBytes = 4 * layerActivations(size, prompts, length);
  const limit = memoryBar * weightBytes + activationBytes;
  const ratio = summarize(ratios.map(({ both, forward }) => both / forward)).median;
  const result = {
    options,
    machine: `${cpus()[0]?.model ?? "?"}, ${threads} threads`,
    ratio,
    ratios,
    memory,
    weightBytes,
    activationBytes,
  };
  const met = ratio <= timeBar && memory.inTurn.peakBytes < limit;
  if (json) console.log(JSON.stringify({ ...result, met }, null, 2));
  else {
    const times = (which: "both" | "forward") =>
      summarize(ratios.map((pair) => pair[which])).median.toFixed(0);
    console.log(
      [
        `machine             ${result.machine}`,
        `model               ${name}'s shape, seeded random weights; ${prompts} prompts of ${length} tokens`,
        `plain forward       ${times("forward")} ms, last logits`,
        `forward + backward  ${times("both")} ms, gates of heads, MLPs and neurons; median of ${pairs} paired ratios ${ratio.toFixed(2)} (${ratios.map(({ both, forward }) => (both / forward).toFixed(2)).join(", ")})`,
        `bar                 ${ratio <= timeBar ? "met" : "missed"}: at most ${timeBar}`,
        `weights             ${mega(weightBytes)} MB; one layer's activations, all prompts: ${mega(activationBytes)} MB`,
        `peak, one at a time ${mega(memory.inTurn.peakBytes)} MB, ${mega(memory.inTurn.beforeBytes)} MB of it before the pass`,
        `bar                 ${memory.inTurn.peakBytes < limit ? "met" : "missed"}: one layer at a time, less than ${memoryBar} × weights + activations = ${mega(limit)} MB`,
        `peak, all held      ${mega(memory.held.peakBytes)} MB: every layer's weights stay loaded, as in searches of hundreds of passes`,
      ].join("\n"),
    );
  }
  return met;
}

async function timeRatios(folder: string, { prompts, length, pairs, threads }: GradientsBenchOptions) {
  const runtime = workerRuntime({ threads });
  const checkpoint = await openCheckpoint(folder);
  const model = await readTransformer(checkpoint);
  const forward = await plainForward(runtime, model, seededPrompts(prompts, length, model.vocabularySize, 2));
  const gated = openSeededGates(runtime, model, { prompts, length, holds: true });
  const gates = uniformGates(gated.shape, 0.5);
  const times: { readonly both: number; readonly forward: number }[] = [];
  for (let pair = 0; pair <= pairs; pair++) {
    const plain = await forward.run("last");
    const begin = performance.now();
    await gated.gradients(gates, { loss: "cross-entropy", of: gateKinds });
    // The first pair loads the weights and is not counted.
    if (pair > 0) times.push({ forward: plain, both: performance.now() - begin });
  }
  await forward.close();
  await gated.close();
  await runtime.close();
  await checkpoint.close();
  return times;
}

async function peakOf(job: GradientsJob): Promise<GradientsReport> {
  const program = join(import.meta.dirname, "gradients-process.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...process.execArgv,
    program,
    JSON.stringify(job),
  ]);
  return JSON.parse(stdout) as GradientsReport;
}

async function parameterCount(folder: string): Promise<number> {
  const checkpoint = await openCheckpoint(folder);
  const { total } = countParameters(await readTransformer(checkpoint));
  await checkpoint.close();
  return total;
}

/** Stream, queries, keys, values, z, patterns, h and what is written, of all prompts at once. */
function layerActivations(
  { width, heads }: { readonly width: number; readonly heads: number },
  prompts: number,
  length: number,
): number {
  return prompts * length * (width * (1 + 3 + 1 + 4 + 1 + 1) + heads * length);
}

const mega = (bytes: number): string => (bytes / 1e6).toFixed(0);
