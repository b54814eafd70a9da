import { create, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "onnx-buf";
import { expect, test } from "vitest";
import { constantWeight } from "../transformer/weight.ts";
import { decodeGraph } from "./decode-graph.ts";
import { encodeGraph } from "./encode-graph.ts";
import { GraphBuilder } from "./graph-builder.ts";

const never = () => Promise.reject(new Error("weights are not read"));

test("what was encoded comes back, weights when they are asked for", async () => {
  const graph = new GraphBuilder("example");
  const x = graph.input("x", "float32", ["batch", 3]);
  const w = graph.weight(constantWeight("w", [3, 2], new Float32Array(6)));
  const [left, right] = graph.split(graph.gelu(graph.matMul(x, w), "tanh"), -1, [1, 1]);
  if (left === undefined || right === undefined) throw new TypeError("two parts");
  const shifted = graph.add(
    graph.layerNormalization(left, graph.floats([1], [2]), graph.floats([1], [3]), 1e-5),
    right,
  );
  graph.output("y", graph.transpose(shifted, [1, 0]));
  const built = graph.build();
  const bytes = encodeGraph(built, () => ({ location: "weights", offset: 64, byteLength: 24 }));

  const read = decodeGraph(bytes, "model.onnx", async (place, value) => {
    expect(place).toEqual({ location: "weights", offset: 64, byteLength: 24 });
    expect(value.shape).toEqual([3, 2]);
    return Float32Array.of(1, 2, 3, 4, 5, 6);
  });
  // An attribute is a float32 in the file.
  const round = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value, (key, each) =>
        key === "value" && typeof each === "number" ? Math.fround(each) : each,
      ),
    );
  expect(round(read.nodes)).toEqual(round(built.nodes));
  expect(read.inputs).toEqual(built.inputs);
  expect(read.outputs).toEqual(built.outputs);
  expect(read.constants).toEqual(built.constants);
  expect(await read.weights[0]?.weight.read()).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
});

test.each([
  ["no protocol buffer", Uint8Array.of(1, 2, 3), /model.onnx: is not an ONNX model/],
  ["no graph", toBinary(ModelProtoSchema, create(ModelProtoSchema, {})), /model.onnx: .*it has no graph/],
  [
    "values without shapes",
    toBinary(
      ModelProtoSchema,
      create(ModelProtoSchema, { graph: { node: [{ opType: "Relu", input: ["x"], output: ["y"] }] } }),
    ),
    /model.onnx: .*does not say what shape "x" has/,
  ],
  [
    "a constant that is cut off",
    toBinary(
      ModelProtoSchema,
      create(ModelProtoSchema, {
        graph: { initializer: [{ name: "c", dataType: 7, dims: [2n], rawData: new Uint8Array(9) }] },
      }),
    ),
    /model.onnx: .*constant "c" has 9 bytes/,
  ],
])("%s is refused", (_, bytes, message) => {
  expect(() => decodeGraph(bytes, "model.onnx", never)).toThrow(message);
});
