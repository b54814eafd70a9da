/**
 * Measures the speed of a circuit compared with its original (Node): in the same engine, with the same threads
 * and prompts, in turns. Load time and memory are measured in processes of their own, and the machine's limits in
 * the same run. Times are ONNX Runtime's; those of transformers.js include its own code. On a graphics card, only
 * competitors that run there take part.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import type { CircuitFile } from "../../export/circuit-file.ts";
import { packageVersion } from "../../files/package-files.ts";
import type { ComparedTiming } from "../../measure/latency.ts";
import type { Device } from "../../runtime/engine.ts";
import { workerRuntime } from "../../runtime/node-runtime.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { OnEvent } from "../events.ts";
import type { Task } from "../read-task.ts";
import { withEngine } from "../with-engine.ts";
import { benchCases, contextsLeftOut, type Runner, timeCase } from "./bench-cases.ts";
import { bestCeilings, measureCeilings } from "./bench-ceilings.ts";
import { benchCompetitors } from "./bench-cells.ts";
import { type Alternative, type FieldOptions, gatherField } from "./bench-competitors.ts";
import { feedsOf } from "./bench-feeds.ts";
import { benchPrompts } from "./bench-prompts.ts";
import type { BenchResult } from "./bench-result.ts";
import { probeLoads } from "./probe-load.ts";
import { openTransformersJs } from "./transformers-js.ts";

/** `original` is the model that the circuits were cut from. */
export interface BenchOptions extends FieldOptions {
  /** The source of the prompts; left out: random tokens. */
  readonly task?: Task | undefined;
  readonly threads?: number | undefined;
  readonly device?: Device | undefined;
  /** For each case: the most counted runs of each, and the milliseconds after which no further round begins. */
  readonly runs?: number | undefined;
  readonly budget?: number | undefined;
  /** The number of processes that load each model. */
  readonly loads?: number;
  /** The numbers of tokens that a decoder has read before the token that is timed. */
  readonly contexts?: readonly number[];
  readonly onEvent?: OnEvent | undefined;
}

/**
 * @param directories of circuits that accept the same prompts.
 * @throws PithError for folders that are not circuits, or that can't be compared; the signal's reason when
 * aborted.
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
  notes.push(...contextsNote(circuit, contexts));

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
  const ceilings = bestCeilings(before, await measureCeilings(runtime, contestants));
  progress(total);

  const competitors = benchCompetitors({
    ...{ cases, contestants, timings, ceilings, loading },
    withTransformersJs: transformersJs !== undefined,
  });
  return {
    machine: machine(threads, device),
    model: circuit.model.name,
    profile: circuit.profile.kind,
    task: task?.name,
    ...{ cases, competitors, ceilings, notes },
  };
}

/** Competitors that run only on the processor are not compared with times of a graphics card. */
function takingPart(device: Device, against: readonly Alternative[] = []) {
  const notes: string[] = [];
  if (device === "cpu") return { against, notes };
  notes.push("Load time and memory are measured on the processor only: --device cpu tells them.");
  if (against.includes("transformers.js")) {
    notes.push("transformers.js would run on the processor, beside a graphics card: it was left out.");
  }
  return { against: against.filter((each) => each !== "transformers.js"), notes };
}

function contextsNote({ profile, model }: CircuitFile, contexts: readonly number[]): readonly string[] {
  const short = profile.kind === "decoder" ? contextsLeftOut(contexts, model.context) : [];
  if (short.length === 0) return [];
  return [`Contexts of ${short.join(", ")} tokens were left out: the model's takes ${model.context}.`];
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
