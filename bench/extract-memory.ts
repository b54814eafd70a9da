/**
 * `npm run bench -- extract-memory`: how much memory a whole extraction takes at a large model's true shape, with
 * seeded random weights: search, export, verification and measuring, in a process of its own.
 */
import { execFile } from "node:child_process";
import { mkdir, stat } from "node:fs/promises";
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
  /** Peak resident memory by the size of the weights' file. */
  readonly bar: number;
}

const extractCases = {
  "gpt2-large": {
    ...{ name: "GPT-2 large", size: modelSizes["gpt2-large"], dtype: "F16", prompts: 20, length: 15 },
    bar: 2,
  },
} as const satisfies Readonly<Record<string, ExtractCase>>;

export interface ExtractMemoryOptions {
  readonly shape: keyof typeof extractCases;
  readonly threads: number;
  readonly json: boolean;
}

/** @returns whether the bar was met. */
export async function benchExtractMemory({ shape, threads, json }: ExtractMemoryOptions): Promise<boolean> {
  const own: ExtractCase = extractCases[shape];
  const cache = join(import.meta.dirname, ".cache");
  await mkdir(cache, { recursive: true });
  process.stderr.write(`weights: seeded random, ${own.name}'s shape, ${own.dtype} safetensors …\n`);
  const folder = await randomCheckpoint(cache, own.size, 1, own.dtype);
  const fileBytes = (await stat(join(folder, "model.safetensors"))).size;
  const { prompts, length } = own;
  const job: ExtractJob = { folder, prompts, length, threads };
  process.stderr.write("the extraction …\n");
  const program = join(import.meta.dirname, "extract-process.ts");
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...process.execArgv, program, JSON.stringify(job)],
    { maxBuffer: 1 << 22 },
  );
  const report = JSON.parse(stdout) as ExtractReport;
  const bound = own.bar * fileBytes;
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
      `search                  ${report.evaluated} candidates evaluated, ${report.kept} components kept`,
      `time                    ${report.seconds.toFixed(0)} s, ${threads} threads`,
      ...Object.entries(report.peaks).map(([step, peak]) => `  peak after ${step.padEnd(12)} ${mega(peak)}`),
      "",
      `${met ? "met   " : "MISSED"}  peak resident memory ${mega(report.peakBytes)}, ${(report.peakBytes / fileBytes).toFixed(2)} × the file (bar ${mega(bound)})`,
    ].join("\n"),
  );
  return met;
}
