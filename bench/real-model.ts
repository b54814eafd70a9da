/**
 * `npm run bench -- real-model --model FILE`: extracts circuits of a real language model, SmolLM2-135M-Instruct, from
 * its GGUF file, on the prompts of test/golden/smollm2, and prints the figures of docs/real-model.md. The bar is the
 * search for IOI: 120 seconds on two idle cores.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extract } from "../src/jobs/extract/extract.ts";
import { loadModel, type Model } from "../src/jobs/load-model.ts";
import { readTask } from "../src/jobs/read-task.ts";
import { circuitMapSvg, mapOfCircuit } from "../src/report/maps/circuit-map.ts";
import { countKept } from "../src/transformer/circuit.ts";
import { markdownTable } from "./markdown-table.ts";

export interface RealModelBenchOptions {
  /** The GGUF file. */
  readonly model: string;
  readonly tasks: readonly string[];
  readonly threads: number;
  /** Where maps are written, one SVG a task; left out: nowhere. */
  readonly maps?: string | undefined;
  readonly json: boolean;
}

export const realModelTasks = ["ioi", "greater-than-ones", "docstring"] as const;

interface Figures {
  readonly task: string;
  readonly heads: number;
  readonly mlps: number;
  readonly body: number;
  readonly originalBody: number;
  readonly kl: number;
  readonly accuracy: number;
  readonly originalAccuracy: number;
  /** Of the search with its passes, and of the whole extraction. */
  readonly searchSeconds: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly gigaflops: number;
  readonly peakMebibytes: number;
}

const alpha = 0.02;
const bar = { task: "ioi", seconds: 120 };

/** @returns whether the bar is held, if its task was asked for. */
export async function benchRealModel(options: RealModelBenchOptions): Promise<boolean> {
  const model = await loadModel(options.model);
  const folder = await mkdtemp(join(tmpdir(), "pith-real-model-"));
  const results: Figures[] = [];
  try {
    for (const task of options.tasks) results.push(await measureTask(model, task, folder, options));
  } finally {
    await model.close();
    await rm(folder, { recursive: true });
  }
  console.log(options.json ? JSON.stringify(results, null, 2) : figuresTable(results));
  return results.every(({ task, searchSeconds }) => task !== bar.task || searchSeconds <= bar.seconds);
}

async function measureTask(
  model: Model,
  name: string,
  folder: string,
  { threads, maps }: RealModelBenchOptions,
): Promise<Figures> {
  const task = await readTask(`test/golden/smollm2/smollm2-${name}.jsonl`);
  const before = process.cpuUsage();
  let searchSeconds = 0;
  let step = "";
  let since = performance.now();
  const { circuit, seconds, counters } = await extract(model, task, join(folder, name), {
    ...{ alpha, threads },
    onEvent: (event) => {
      if (event.kind !== "step") return;
      process.stderr.write(`${name}: ${event.step} …\n`);
      if (searchSteps.has(step)) searchSeconds += (performance.now() - since) / 1000;
      [step, since] = [event.step, performance.now()];
    },
  });
  const { user, system } = process.cpuUsage(before);
  if (maps !== undefined)
    await writeFile(join(maps, `real-model-${name}.svg`), `${circuitMapSvg(mapOfCircuit(circuit, name))}\n`);
  const kept = countKept(circuit.kept);
  const { accuracy, parameters, kl } = circuit.metrics;
  return {
    ...{ task: name, heads: kept.head, mlps: kept.mlp, searchSeconds, seconds },
    body: parameters.circuit.body,
    originalBody: parameters.original.body,
    kl: kl.test ?? Number.NaN,
    accuracy: accuracy.test?.circuit ?? Number.NaN,
    originalAccuracy: accuracy.test?.original ?? Number.NaN,
    cpuSeconds: (user + system) / 1e6,
    gigaflops: counters.flops / 1e9,
    peakMebibytes: process.resourceUsage().maxRSS / 1024,
  };
}

const searchSteps = new Set(["activations", "search"]);

function figuresTable(results: readonly Figures[]): string {
  const percent = (value: number) => `${(100 * value).toFixed(0)} %`;
  const head = ["task", "heads", "MLPs", "body", "accuracy (original)", "KL, nats", "TFLOP"];
  const times = ["search, s", "in all, s", "CPU, s", "peak, MiB"];
  const rows = results.map((each) => [
    ...[each.task, String(each.heads), String(each.mlps), percent(each.body / each.originalBody)],
    ...[`${percent(each.accuracy)} (${percent(each.originalAccuracy)})`, each.kl.toFixed(3)],
    ...[(each.gigaflops / 1000).toFixed(2), each.searchSeconds.toFixed(0), each.seconds.toFixed(0)],
    ...[each.cpuSeconds.toFixed(0), each.peakMebibytes.toFixed(0)],
  ]);
  const all = [...head, ...times];
  return markdownTable(all, rows);
}
