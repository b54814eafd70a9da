/**
 * A program for one measurement: it loads one model, answers one prompt, and prints time and memory. It runs in a
 * process of its own, so that the peak of resident memory is caused by this model alone. Called by
 * `src/jobs/bench/probe-load.ts`.
 */
import * as ort from "onnxruntime-node";
import { createEngine, type HostTensor } from "./engine.ts";
import { peakMemory } from "./peak-memory.ts";

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
  /**
   * Resident memory in bytes: `baseline` is that of Node and ONNX Runtime before the model is loaded, the other
   * the peak with it.
   */
  readonly baseline: number;
  readonly peak: number;
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
