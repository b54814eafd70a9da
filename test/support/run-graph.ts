/** Runs one graph once. */
import type { Graph } from "../../src/onnx/graph.ts";
import { inlineRuntime } from "../../src/runtime/node-runtime.ts";
import type { HostTensor } from "../../src/runtime/runtime.ts";

export interface Output {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export const floats = (shape: readonly number[], values: Iterable<number>): HostTensor => ({
  type: "float32",
  shape,
  data: Float32Array.from(values),
});

export const integers = (shape: readonly number[], values: readonly number[]): HostTensor => ({
  type: "int64",
  shape,
  data: BigInt64Array.from(values, BigInt),
});

export async function runGraph(
  graph: Graph,
  feeds: Readonly<Record<string, HostTensor>> = {},
): Promise<Readonly<Record<string, Output>>> {
  const runtime = inlineRuntime({ threads: 1 });
  const session = await runtime.load(graph);
  const outputs = await session.run(feeds);
  const results: Record<string, Output> = {};
  for (const [name, tensor] of Object.entries(outputs)) {
    const type = graph.outputs.find((output) => output.name === name)?.type;
    const values = await (type === "int64" ? runtime.readIntegers(tensor) : runtime.readFloats(tensor));
    results[name] = { shape: [...tensor.shape], values: [...values] };
  }
  await runtime.release(...Object.values(outputs));
  await session.unload();
  await runtime.close();
  return results;
}
