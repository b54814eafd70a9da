/** Narrow graphs compute what their narrow weights say, in ONNX Runtime, whatever reads the weights. */
import { afterAll, describe, expect, test } from "vitest";
import { decodeGraph } from "../onnx/decode-graph.ts";
import { encodeGraph } from "../onnx/encode-graph.ts";
import type { Graph } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import { inlineRuntime } from "../runtime/node-runtime.ts";
import { constantWeight } from "../transformer/weight.ts";
import { withDtype } from "./dtype-graph.ts";
import { float16Bits } from "./dtype-numbers.ts";
import { withDynamicInt8 } from "./dynamic-int8.ts";
import { parametersIn, tensorsToStore } from "./stored-weights.ts";

const runtime = inlineRuntime({ threads: 1 });
afterAll(() => runtime.close());

/** Numerical Recipes' linear congruential generator, −1 to 1. */
function noise(count: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** Rows of a table, times a matrix, plus a bias, times the table's transpose: all the ways that weights are read. */
function example(width: number, hidden: number, vocabulary = 10): Graph {
  const graph = new GraphBuilder("example");
  const ids = graph.input("ids", "int64", ["batch"]);
  const table = graph.weight(constantWeight("table", [vocabulary, width], noise(vocabulary * width, 1)));
  const matrix = graph.weight(constantWeight("matrix", [width, hidden], noise(width * hidden, 2)));
  const back = graph.weight(constantWeight("back", [hidden, width], noise(hidden * width, 3)));
  const bias = graph.weight(constantWeight("bias", [hidden], noise(hidden, 4)));
  const x = graph.add(graph.matMul(graph.gather(table, ids), matrix), bias);
  graph.output("logits", graph.matMulTransposed(graph.matMul(x, back), table));
  return graph.build();
}

async function run(graph: Graph): Promise<Float32Array> {
  const session = await runtime.load(graph);
  const { logits } = await session.run({
    ids: { type: "int64", shape: [3], data: BigInt64Array.of(0n, 7n, 9n) },
  });
  if (logits === undefined) throw new TypeError("no logits");
  const values = await runtime.readFloats(logits);
  await session.unload();
  return values;
}

function relativeError(values: Float32Array, exact: Float32Array): number {
  const norm = (each: Float32Array) => Math.sqrt(each.reduce((sum, value) => sum + value * value, 0));
  return norm(values.map((value, index) => value - (exact[index] as number))) / norm(exact);
}

describe.each([
  ["sums that blocks divide", 64, 96],
  ["sums that no block divides", 20, 6],
])("%s", (_, width, hidden) => {
  const graph = example(width, hidden);

  test.each([
    ["f16", 2e-3],
    ["int8", 3e-2],
    ["int4", 0.3],
  ] as const)("%s", async (dtype, tolerance) => {
    const narrow = withDtype(graph, dtype);
    const error = relativeError(await run(narrow), await run(graph));
    expect(error).toBeLessThan(tolerance);
    expect(error).toBeGreaterThan(0);
    // The bias stays, and every parameter is counted once.
    expect(narrow.weights.find(({ value }) => value.name === "bias")?.value.type).toBe("float32");
    const counted = tensorsToStore(narrow).reduce((sum, tensor) => sum + parametersIn(tensor), 0);
    expect(counted).toBe(10 * width + 2 * width * hidden + hidden);
  });

  test("int8 as other tools make it", async () => {
    expect(relativeError(await run(withDynamicInt8(graph)), await run(graph))).toBeLessThan(5e-2);
  });
});

test("f32 is the graph itself", () => {
  const graph = example(4, 4);
  expect(withDtype(graph, "f32")).toBe(graph);
});

test("formats, and the order in the file", async () => {
  const types = (graph: Graph) =>
    Object.fromEntries(graph.weights.map(({ value }) => [value.name, value.type]));
  const int4 = withDtype(example(64, 96), "int4");
  expect(types(int4)).toEqual({
    "table/int8": "int8",
    "table/scales": "float32",
    "matrix/int4": "int4",
    "matrix/scales": "float32",
    "back/int4": "int4",
    "back/scales": "float32",
    bias: "float32",
  });
  const stored = tensorsToStore(int4);
  expect(stored.map(({ dtype }) => dtype)).toEqual(["F32", "F32", "F32", "F32", "I8", "U8", "U8"]);
  const packed = stored.find(({ name }) => name === "matrix/int4");
  expect(packed?.shape).toEqual([64, 48]);
  expect((await packed?.read())?.byteLength).toBe(64 * 48);
  const halves = withDtype(example(4, 4), "f16").weights.find(({ value }) => value.name === "matrix/f16");
  expect(await halves?.weight.read()).toEqual(Uint16Array.from(noise(16, 2), float16Bits));
});

test("a narrow graph reads back from its file", () => {
  const narrow = withDtype(example(64, 96), "int8");
  const bytes = encodeGraph(narrow, () => ({ location: "w", offset: 0, byteLength: 1 }));
  const read = decodeGraph(bytes, "model.onnx", () => Promise.reject(new Error("not read here")));
  expect(read.nodes).toEqual(narrow.nodes);
  expect(read.inputs).toEqual(narrow.inputs);
  expect(read.weights.map(({ value }) => value)).toEqual(narrow.weights.map(({ value }) => value));
});
