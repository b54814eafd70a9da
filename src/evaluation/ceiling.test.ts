import { expect, test } from "vitest";
import type { Graph } from "../onnx/graph.ts";
import { inlineRuntime } from "../runtime/node-runtime.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { bandwidthCeiling, matmulCeiling } from "./ceiling.ts";

const inline = inlineRuntime({ threads: 1 });
const graphs: Graph[] = [];
const runtime: Runtime = {
  ...inline,
  load: (graph, options) => {
    graphs.push(graph);
    return inline.load(graph, options);
  },
};

test("bandwidth streams as many bytes as it says, no two matrices alike", async () => {
  const rate = await bandwidthCeiling(runtime, 3e6, 2);
  expect(rate).toBeGreaterThan(0);
  const contents = await Promise.all((graphs.at(-1)?.weights ?? []).map(({ weight }) => weight.read()));
  const bytes = contents.reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(Math.abs(bytes - 3e6)).toBeLessThan(256 * 256 * 4);
  // ONNX Runtime keeps equal weights once: a cache would hold what memory is asked for.
  const texts = contents.map(({ buffer }) => Buffer.from(buffer).toString("base64"));
  expect(new Set(texts).size).toBe(texts.length);
});

test("a rate of products is a number of operations in a time", async () => {
  const before = inline.counters.flops;
  const start = performance.now();
  const rate = await matmulCeiling(runtime, 2);
  const seconds = (performance.now() - start) / 1000;
  // The best of two runs is no slower than both together, with the loading.
  expect(rate).toBeGreaterThan((inline.counters.flops - before) / 2 / seconds);
});
