/**
 * How fast a circuit is beside its original (Node): through one engine, with the same threads and prompts, in turns;
 * with load time and memory from processes of their own, and what the machine could do at best, measured in the same
 * run. Times are what ONNX Runtime takes; transformers.js's include its own code. On a graphics card only what runs
 * there takes part.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { packageVersion } from "../../files/package-files.ts";
import { bandwidthCeiling, matmulCeiling } from "../../measure/ceiling.ts";
import type { ComparedTiming } from "../../measure/latency.ts";
import { bandwidthFor, leastSeconds } from "../../measure/roofline.ts";
import { countFlops } from "../../onnx/flops.ts";
import { countTraffic } from "../../onnx/traffic.ts";
import type { Device } from "../../runtime/engine.ts";
import { workerRuntime } from "../../runtime/node-runtime.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { OnEvent } from "../events.ts";
import type { Task } from "../read-task.ts";
import { withEngine } from "../with-engine.ts";
import { benchCases, contextsLeftOut, type Runner, timeCase } from "./bench-cases.ts";
import { type Alternative, type Contestant, type FieldOptions, gatherField } from "./bench-competitors.ts";
import { feedsOf, symbolSizes } from "./bench-feeds.ts";
import { benchPrompts } from "./bench-prompts.ts";
import type { BenchCase, BenchCell, BenchResult, Ceilings, Competitor } from "./bench-result.ts";
import { probeLoads } from "./probe-load.ts";
import { openTransformersJs } from "./transformers-js.ts";

/** `original` is the model that the circuits were cut from. */
export interface BenchOptions extends FieldOptions {
  /** Where prompts come from; left out, random tokens. */
  readonly task?: Task | undefined;
  readonly threads?: number | undefined;
  readonly device?: Device | undefined;
  /** Counted runs of each at most, and milliseconds after which no further round begins, a case. */
  readonly runs?: number | undefined;
  readonly budget?: number | undefined;
  /** Processes that load each model. */
  readonly loads?: number;
  /** Lengths of what a decoder has read before the token that is timed. */
  readonly contexts?: readonly number[];
  readonly onEvent?: OnEvent | undefined;
}

/**
 * @param directories of circuits that take the same prompts.
 * @throws PithError for folders that are no circuits, or that can't be compared; the signal's reason when aborted.
 */
export async function bench(directories: readonly string[], options: BenchOptions): Promise<BenchResult> {
  const threads = options.threads ?? availableParallelism();
  const place = await mkdtemp(join(tmpdir(), `pith-bench-${process.pid}-`));
  const runtime = workerRuntime({ threads, device: options.device });
  try {
    return await withEngine(runtime, options.signal, () => run(directories, place, runtime, options));
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

async function run(
  directories: readonly string[],
  place: string,
  runtime: Runtime,
  options: BenchOptions,
): Promise<BenchResult> {
  const { task, loads = 3, contexts = [16, 64, 256, 900], signal, onEvent } = options;
  const { threads } = runtime;
  const { device = "cpu" } = options;
  const { against, notes } = takingPart(device, options.against);
  onEvent?.({ kind: "step", step: "export" });
  const { contestants, folder, decoderFolder } = await gatherField(directories, place, {
    ...options,
    against,
  });
  const { circuit } = folder;
  const prompts = benchPrompts(circuit, folder.tokenizer, task);
  const cases = benchCases(circuit.profile.kind === "decoder", prompts, contexts, circuit.model.context);

  const short = circuit.profile.kind === "decoder" ? contextsLeftOut(contexts, circuit.model.context) : [];
  if (short.length > 0) {
    notes.push(
      `Contexts of ${short.join(", ")} tokens were left out: the model's takes ${circuit.model.context}.`,
    );
  }

  onEvent?.({ kind: "step", step: "measure" });
  const total = cases.length + 3;
  const progress = (done: number) => onEvent?.({ kind: "progress", step: "measure", done, total });
  const first = prompts.slice(0, 1);
  const loading =
    device === "cpu"
      ? await probeLoads(
          contestants.map(({ modelPath, graph }) => ({ modelPath, feeds: feedsOf(graph, first) })),
          { threads, runs: loads, signal },
        )
      : [];
  progress(1);
  const before = await measureCeilings(runtime, contestants);
  progress(2);
  const runners: Runner[] = [];
  for (const { modelPath, graph } of contestants) {
    runners.push({ session: await runtime.loadFile(modelPath), graph });
  }
  const transformersJs =
    decoderFolder === undefined ? undefined : await openTransformersJs(decoderFolder, threads);
  if (against.includes("transformers.js") && transformersJs === undefined) {
    notes.push(
      "transformers.js is not installed here (npm install @huggingface/transformers): it was left out.",
    );
  }
  const timings: (readonly ComparedTiming[])[] = [];
  try {
    for (const [index, each] of cases.entries()) {
      timings.push(
        await timeCase(each, runtime, runners, prompts, transformersJs, {
          ...(options.runs !== undefined && { runs: options.runs, warmUp: Math.min(3, options.runs) }),
          budget: options.budget ?? 1500 * (contestants.length + (transformersJs === undefined ? 0 : 1)),
          signal,
        }),
      );
      progress(3 + index);
    }
  } finally {
    await transformersJs?.close();
  }
  const ceilings = best(before, await measureCeilings(runtime, contestants));
  progress(total);

  const competitors = contestants.map((contestant, index): Competitor => {
    const { name, kind, fileBytes, parameters } = contestant;
    const own = loading[index];
    return {
      ...{ name, kind, fileBytes, parameters, ...(own && { loading: own }) },
      cells: cases.map((each, at) => cell(each, contestant, contestants[0], timings[at], index, ceilings)),
    };
  });
  if (transformersJs !== undefined) {
    competitors.push({
      name: "original, transformers.js",
      kind: "alternative",
      fileBytes: contestants[0]?.fileBytes ?? 0,
      cells: cases.map((_, at) => bareCell(timings[at], contestants.length)),
    });
  }
  return {
    machine: machine(threads, device),
    model: circuit.model.name,
    profile: circuit.profile.kind,
    task: task?.name,
    ...{ cases, competitors, ceilings, notes },
  };
}

/** What runs on the processor only does not stand beside times of a graphics card. */
function takingPart(device: Device, against: readonly Alternative[] = []) {
  const notes: string[] = [];
  if (device === "cpu") return { against, notes };
  notes.push("Load time and memory are measured on the processor only: --device cpu tells them.");
  if (against.includes("transformers.js")) {
    notes.push("transformers.js would run on the processor, beside a graphics card: it was left out.");
  }
  return { against: against.filter((each) => each !== "transformers.js"), notes };
}

/** Bandwidth at the size of each float32 model: a model that fits into a cache is bound by the cache. */
async function measureCeilings(runtime: Runtime, contestants: readonly Contestant[]): Promise<Ceilings> {
  const bandwidth: { bytes: number; rate: number }[] = [];
  for (const { fileBytes, isFloat32 } of contestants) {
    const bytes = Math.min(2 ** 29, Math.max(2 ** 20, fileBytes));
    if (!isFloat32 || bandwidth.some((each) => Math.abs(Math.log(each.bytes / bytes)) < 0.2)) continue;
    bandwidth.push({ bytes, rate: await bandwidthCeiling(runtime, bytes) });
  }
  return { compute: await matmulCeiling(runtime), bandwidth };
}

function best(a: Ceilings, b: Ceilings): Ceilings {
  return {
    compute: Math.max(a.compute, b.compute),
    bandwidth: a.bandwidth.map(({ bytes, rate }, index) => ({
      bytes,
      rate: Math.max(rate, b.bandwidth[index]?.rate ?? 0),
    })),
  };
}

function cell(
  each: BenchCase,
  contestant: Contestant,
  original: Contestant | undefined,
  timings: readonly ComparedTiming[] | undefined,
  index: number,
  ceilings: Ceilings,
): BenchCell | undefined {
  const bare = bareCell(timings, index);
  if (bare === undefined || original === undefined) return bare;
  const work = workOf(contestant, each);
  if (!contestant.isFloat32) return { ...bare, ...work };
  const seconds = bare.timing.median / 1000;
  const bandwidth = bandwidthFor(work.bytes, ceilings.bandwidth);
  const whole = workOf(original, each);
  const originalBandwidth = bandwidthFor(whole.bytes, ceilings.bandwidth);
  return {
    ...bare,
    ...work,
    ofCompute: work.flops / seconds / ceilings.compute,
    ofBandwidth: work.bytes / seconds / bandwidth,
    allowed:
      leastSeconds(whole, { compute: ceilings.compute, bandwidth: originalBandwidth }) /
      leastSeconds(work, { compute: ceilings.compute, bandwidth }),
  };
}

function bareCell(timings: readonly ComparedTiming[] | undefined, index: number): BenchCell | undefined {
  const [own, original] = [timings?.[index], timings?.[0]];
  if (own === undefined || original === undefined) return undefined;
  const { timing, speed } = own;
  if (speed === undefined) return { timing, speedUp: original.timing.median / timing.median };
  return { timing, speedUp: speed.ratio, speedUpInterval: speed.interval };
}

function workOf({ graph }: Contestant, { kind, prompts, tokens }: BenchCase) {
  const sizes = kind === "next token" ? symbolSizes(1, 1, tokens) : symbolSizes(prompts, tokens);
  return { flops: countFlops(graph, sizes), bytes: countTraffic(graph, sizes) };
}

function machine(threads: number, device: Device): BenchResult["machine"] {
  const { version } = createRequire(import.meta.url)("onnxruntime-node/package.json") as {
    readonly version: string;
  };
  const { version: node } = process;
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    threads,
    device,
    platform: `${process.platform} ${process.arch}`,
    node,
    onnxRuntime: version,
    pith: packageVersion(),
  };
}
