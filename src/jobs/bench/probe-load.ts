/** Load time and memory of a model file, measured in fresh processes (Node). */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { PithError } from "../../errors.ts";
import { summarize, type Timing } from "../../measure/latency.ts";
import type { ProbeAnswer, ProbeRequest } from "../../runtime/load-probe.ts";
import type { Feeds } from "./bench-feeds.ts";

export interface LoadMeasurement {
  /** Time to open the model when its files are in the system's cache; milliseconds. */
  readonly load: Timing;
  /** Time from opening it to the first answer. */
  readonly firstAnswer: Timing;
  /** Peak of resident memory, Node and ONNX Runtime included; the lowest of the runs. */
  readonly peakBytes: number;
  /** The part of it that was used before the model was loaded. */
  readonly baselineBytes: number;
}

export interface ProbeJob {
  readonly modelPath: string;
  readonly feeds: Feeds;
}

/** One process after another, the models in turns. @throws PithError "runtime" when one fails. */
export async function probeLoads(
  jobs: readonly ProbeJob[],
  {
    threads,
    runs,
    signal,
  }: { readonly threads: number; readonly runs: number; readonly signal?: AbortSignal | undefined },
): Promise<readonly LoadMeasurement[]> {
  const answers: ProbeAnswer[][] = jobs.map(() => []);
  for (let run = 0; run < runs; run++) {
    for (const [index, job] of jobs.entries()) answers[index]?.push(await probe(job, threads, signal));
  }
  return answers.map((own) => ({
    load: summarize(own.map(({ load }) => load)),
    firstAnswer: summarize(own.map(({ load, first }) => load + first)),
    peakBytes: Math.min(...own.map(({ peak }) => peak)),
    baselineBytes: Math.min(...own.map(({ baseline }) => baseline)),
  }));
}

async function probe(
  { modelPath, feeds }: ProbeJob,
  threads: number,
  signal?: AbortSignal,
): Promise<ProbeAnswer> {
  const request: ProbeRequest = { modelPath, threads, feeds: plain(feeds) };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [program(), JSON.stringify(request)], {
      ...(signal && { signal }),
      env: { ...process.env, ORT_DISABLE_TELEMETRY: process.env["ORT_DISABLE_TELEMETRY"] ?? "1" },
    });
    return JSON.parse(stdout) as ProbeAnswer;
  } catch (cause) {
    signal?.throwIfAborted();
    const { stderr = "" } = cause as { readonly stderr?: string };
    throw new PithError(
      "runtime",
      `a process that was to measure this model failed: ${stderr.trim().slice(-400)}`,
      {
        place: { file: modelPath },
        cause,
      },
    );
  }
}

function plain(feeds: Feeds): ProbeRequest["feeds"] {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, feed]) => {
      if ("held" in feed) throw new TypeError(`${name} lies with an engine, not here`);
      const { type, shape, data } = feed;
      return [name, { type, shape, data: Array.from<number | bigint, number>(data, Number) }];
    }),
  );
}

/** Built code finds the program beside it; code run from source uses the built one. */
function program(): string {
  const here = import.meta.url;
  return fileURLToPath(
    here.endsWith(".ts") ? new URL("../../../dist/load-probe.js", here) : new URL("./load-probe.js", here),
  );
}
