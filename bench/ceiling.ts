/**
 * The machine's matmul ceiling, through ONNX Runtime with as many threads as what is judged: the best rate, in
 * floating-point operations a second, of a chain of square products too large for overhead to matter.
 */
import { GraphBuilder } from "../src/onnx/graph-builder.ts";
import type { Runtime } from "../src/runtime/runtime.ts";
import { constantWeight } from "../src/transformer/weight.ts";

const rows = 1024;
const width = 768;
const hidden = 3072;
const products = 8;

/** @returns FLOP/s: the best of several runs, since a ceiling is what was reached at least once. */
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
  for (let run = 0; run < runs; run++) {
    const begin = performance.now();
    const { y } = await session.run({ x: input });
    best = Math.max(best, flops / ((performance.now() - begin) / 1000));
    if (y !== undefined) await runtime.release(y);
  }
  await runtime.release(input);
  await session.unload();
  return best;
}
