import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";
import type { Graph } from "../onnx/graph.ts";
import { createEngine } from "../runtime/engine.ts";
import { createRuntime, type Runtime } from "../runtime/runtime.ts";
import { bandwidthCeiling, matmulCeiling } from "./ceiling.ts";

const graphs: Graph[] = [];

/** An engine that computes nothing and says that its runs took these milliseconds, the last for all that follow. */
function timedRuntime(...times: readonly number[]): Runtime {
  const engine = createEngine(ort, "cpu");
  let run = 0;
  const runtime = createRuntime(
    {
      ...engine,
      run: async () => ({ outputs: {}, milliseconds: times[Math.min(run++, times.length - 1)] ?? 0 }),
    },
    { device: "cpu", threads: 1 },
    async () => {},
  );
  return {
    ...runtime,
    load: (graph, options) => {
      graphs.push(graph);
      return runtime.load(graph, options);
    },
  };
}

test("bandwidth is the bytes of all matrices in the best time; no two matrices are alike", async () => {
  const rate = await bandwidthCeiling(timedRuntime(5, 2, 3), 3e6, 3);
  const contents = await Promise.all((graphs.at(-1)?.weights ?? []).map(({ weight }) => weight.read()));
  const bytes = contents.reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(Math.abs(bytes - 3e6)).toBeLessThan(256 * 256 * 4);
  expect(rate).toBeCloseTo(bytes / 0.002, 0);
  // ONNX Runtime keeps equal weights once: a cache would hold what memory is asked for.
  const texts = contents.map(({ buffer }) => Buffer.from(buffer).toString("base64"));
  expect(new Set(texts).size).toBe(texts.length);
});

test("a rate of products is their operations in the best time of the engine", async () => {
  const runtime = timedRuntime(80, 40, 50);
  const rate = await matmulCeiling(runtime, 3);
  expect(runtime.counters.runs).toBe(3);
  // Eight products of 1024 rows, 768 by 3072, with two operations for each weight.
  expect(rate).toBeCloseTo((8 * 2 * 1024 * 768 * 3072) / 0.04, 0);
  expect(runtime.counters.flops).toBe(3 * 8 * 2 * 1024 * 768 * 3072);
});

test("where a run takes seconds, two are enough", async () => {
  const runtime = timedRuntime(3000);
  await matmulCeiling(runtime, 10);
  expect(runtime.counters.runs).toBe(2);
});
