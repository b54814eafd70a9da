/**
 * A process's whole program: loads one model, answers one prompt, and says what that took. In a process of its own,
 * so that the peak of resident memory is this model's and nobody else's. Called by `src/jobs/bench/probe-load.ts`.
 */
import { existsSync, readFileSync } from "node:fs";
import * as ort from "onnxruntime-node";
import { createEngine, type HostTensor } from "./engine.ts";

export interface ProbeRequest {
  readonly modelPath: string;
  readonly threads: number;
  readonly feeds: Readonly<
    Record<
      string,
      {
        readonly type: HostTensor["type"];
        readonly shape: readonly number[];
        readonly data: readonly number[];
      }
    >
  >;
}

export interface ProbeAnswer {
  /** Opening the model, in milliseconds. */
  readonly load: number;
  /** The first prompt after that, in milliseconds. */
  readonly first: number;
  /** Resident memory of Node and ONNX Runtime before the model, and the peak with it, in bytes. */
  readonly baseline: number;
  readonly peak: number;
}

/**
 * Where the system tells it, this program's own peak: Linux's maxRSS is that of the process that started it, if
 * that was the larger.
 */
function peakMemory(): number {
  const { maxRSS } = process.resourceUsage();
  if (!existsSync("/proc/self/status")) return maxRSS * 1024;
  const [, kilobytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return (kilobytes === undefined ? maxRSS : Number(kilobytes)) * 1024;
}

const request = JSON.parse(process.argv[2] ?? "") as ProbeRequest;
const engine = createEngine(ort);
const feeds = Object.fromEntries(
  Object.entries(request.feeds).map(([name, { type, shape, data }]): [string, HostTensor] => [
    name,
    {
      ...{ type, shape },
      data: type === "int64" ? BigInt64Array.from(data, BigInt) : Float32Array.from(data),
    },
  ]),
);
const baseline = process.memoryUsage().rss;
const begin = performance.now();
const session = await engine.loadFile(request.modelPath, request.threads);
const loaded = performance.now();
await engine.run(session, feeds);
const answered = performance.now();
const answer: ProbeAnswer = {
  load: loaded - begin,
  first: answered - loaded,
  baseline,
  peak: peakMemory(),
};
process.stdout.write(JSON.stringify(answer));
