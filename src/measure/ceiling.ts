/**
 * Measures the machine's upper limits, with the same engine and number of threads as the measured model: how fast
 * it multiplies matrices, and how fast it streams weights. The best of several runs counts, because an upper
 * limit need only be reached once.
 */

import { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { constantWeight } from "../transformer/weight.ts";
import { engineMilliseconds } from "./engine-time.ts";

const rows = 1024;
const width = 768;
const hidden = 3072;
const products = 8;
/**
 * Milliseconds of computing after which no further run begins: an emulated graphics card takes seconds for each.
 */
const slowest = 5000;

/** FLOP/s of a chain of products that are so large that overhead does not matter. */
export async function matmulCeiling(runtime: Runtime, runs = 10): Promise<number> {
  const graph = new GraphBuilder("ceiling");
  let x = graph.input("x", "float32", ["rows", width]);
  const fill = (count: number) =>
    Float32Array.from({ length: count }, (_, index) => ((index * 7919) % 1009) / 1e5 - 0.005);
  const up = graph.weight(constantWeight("up", [width, hidden], fill(width * hidden)));
  const down = graph.weight(constantWeight("down", [hidden, width], fill(hidden * width)));
  for (let product = 0; product < products; product += 2) x = graph.matMul(graph.matMul(x, up), down);
  graph.output("y", graph.slice(x, 0, 0, 1, 1));
  const session = await runtime.load(graph.build());
  const input = await runtime.upload({ type: "float32", shape: [rows, width], data: fill(rows * width) });
  const flops = products * 2 * rows * width * hidden;
  let best = 0;
  const start = engineMilliseconds(runtime);
  for (let run = 0; run < runs && (run < 2 || engineMilliseconds(runtime) - start < slowest); run++) {
    const before = engineMilliseconds(runtime);
    const { y } = await session.run({ x: input });
    best = Math.max(best, flops / ((engineMilliseconds(runtime) - before) / 1000));
    if (y !== undefined) await runtime.release(y);
  }
  await runtime.release(input);
  await session.unload();
  return best;
}

/**
 * Bytes a second at which weights are streamed: one row is multiplied by matrices that fill `bytes`, one after
 * another. If they fit into a cache, this is the cache's rate, as for a model of that size. No two matrices are
 * equal: ONNX Runtime stores equal ones once, and they would then be read from a cache instead of memory.
 */
export async function bandwidthCeiling(runtime: Runtime, bytes: number, runs = 12): Promise<number> {
  const side = bytes >= 2 ** 26 ? 2048 : bytes >= 2 ** 23 ? 1024 : 256;
  const count = Math.max(2, Math.round(bytes / (4 * side * side)));
  const graph = new GraphBuilder("bandwidth");
  let x = graph.input("x", "float32", [1, side]);
  for (let index = 0; index < count; index++) {
    const weight = {
      name: `w${index}`,
      shape: [side, side],
      read: async () =>
        Float32Array.from({ length: side * side }, (_, at) => ((at * 7919 + index) % 1009) / (1e6 + index)),
    };
    x = graph.matMul(x, graph.weight(weight));
  }
  graph.output("y", x);
  const session = await runtime.load(graph.build());
  const input = { type: "float32", shape: [1, side], data: new Float32Array(side).fill(1) } as const;
  let best = 0;
  for (let run = 0; run < runs; run++) {
    const before = engineMilliseconds(runtime);
    const { y } = await session.run({ x: input });
    best = Math.max(best, (4 * side * side * count) / ((engineMilliseconds(runtime) - before) / 1000));
    if (y !== undefined) await runtime.release(y);
  }
  await session.unload();
  return best;
}
