/**
 * `npm run bench -- extract-memory`: how much memory a whole extraction takes at a large model's true shape, with
 * seeded random weights: search, export, verification and measuring, in a process of its own. `--shape llama-1b` has a
 * bound, as `pith extract --memory` sets it.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ExtractJob, ExtractReport } from "./extract-process.ts";
import { type ModelSize, modelSizes } from "./model-sizes.ts";
import { randomCheckpoint, type StoredDtype } from "./random-model.ts";

interface ExtractCase {
  readonly name: string;
  readonly size: ModelSize;
  readonly dtype: StoredDtype;
  /** Prompts of the patching and of the validation set. */
  readonly prompts: number;
  readonly length: number;
  /** Peak resident memory by the size of the weights' file; left out: `memory` is the bar. */
  readonly bar?: number;
  /** The bound that the extraction is given, in bytes. */
  readonly memory?: number;
  /** Only so many layers are searched, from the last on, for a circuit of one head and one MLP each. */
  readonly layers?: number;
}

const extractCases = {
  "gpt2-large": {
    ...{ name: "GPT-2 large", size: modelSizes["gpt2-large"], dtype: "F16", prompts: 20, length: 15 },
    bar: 2,
  },
  "llama-1b": {
    ...{ name: "Llama-3.2-1B", size: modelSizes["llama-1b"], dtype: "BF16", prompts: 40, length: 15 },
    ...{ memory: 3e9, layers: 2 },
  },
} as const satisfies Readonly<Record<string, ExtractCase>>;

export const extractShapes = Object.keys(extractCases) as readonly (keyof typeof extractCases)[];

export interface ExtractMemoryOptions {
  readonly shape: keyof typeof extractCases;
  readonly threads: number;
  readonly json: boolean;
}

/** @returns whether the bar was met. */
export async function benchExtractMemory({ shape, threads, json }: ExtractMemoryOptions): Promise<boolean> {
  const own: ExtractCase = extractCases[shape];
  // The larger one is not kept for the next run.
  const passing = own.memory === undefined ? undefined : await mkdtemp(join(tmpdir(), "pith-bench-"));
  try {
    return await measure(own, passing ?? join(import.meta.dirname, ".cache"), { threads, json });
  } finally {
    if (passing !== undefined) await rm(passing, { recursive: true, force: true });
  }
}

async function measure(
  own: ExtractCase,
  cache: string,
  { threads, json }: Omit<ExtractMemoryOptions, "shape">,
): Promise<boolean> {
  const { prompts, length, memory, layers } = own;
  await mkdir(cache, { recursive: true });
  process.stderr.write(`weights: seeded random, ${own.name}'s shape, ${own.dtype} safetensors …\n`);
  const folder = await randomCheckpoint(cache, own.size, 1, own.dtype);
  const fileBytes = (await stat(join(folder, "model.safetensors"))).size;
  const job: ExtractJob = {
    ...{ folder, prompts, length, threads },
    ...(memory !== undefined && { memory }),
    ...(layers !== undefined && { layers }),
  };
  process.stderr.write("the extraction …\n");
  const program = join(import.meta.dirname, "extract-process.ts");
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...process.execArgv, program, JSON.stringify(job)],
    { maxBuffer: 1 << 22 },
  );
  const report = JSON.parse(stdout) as ExtractReport;
  const bound = memory ?? (own.bar ?? 1) * fileBytes;
  const met = report.peakBytes <= bound;
  if (json) {
    console.log(JSON.stringify({ shape: own, fileBytes, report, bound, met }, null, 2));
    return met;
  }
  const mega = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  console.log(
    [
      `model                   ${own.name}'s shape, seeded random weights, ${mega(fileBytes)} of ${own.dtype}`,
      `prompts                 ${prompts} patching + ${prompts} validation of ${length} tokens`,
      `search                  ${report.evaluated} candidates evaluated, ${report.kept} components kept${layers === undefined ? "" : `; bounded: the last ${layers} layers are tried, and nothing below them stays`}`,
      `time                    ${report.seconds.toFixed(0)} s, ${threads} threads`,
      ...Object.entries(report.peaks).map(([step, peak]) => `  peak after ${step.padEnd(12)} ${mega(peak)}`),
      ...(report.planned === undefined
        ? []
        : [
            `estimated               ${mega(report.planned.planned)} as run, ${mega(report.planned.needed)} without a spill, ${mega(report.planned.least)} at least`,
            `disk                    ${mega(report.planned.moved.written)} written, ${mega(report.planned.moved.read)} read`,
          ]),
      "",
      `${met ? "met   " : "MISSED"}  peak resident memory ${mega(report.peakBytes)}, ${(report.peakBytes / fileBytes).toFixed(2)} × the file (bar ${mega(bound)})`,
    ].join("\n"),
  );
  return met;
}
