import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, TensorProto_DataLocation, TensorProto_DataType } from "onnx-buf";
import { expect, test } from "vitest";
import { constantWeight } from "../transformer/weight.ts";
import { encodeGraph, operatorSet } from "./encode-graph.ts";
import { GraphBuilder } from "./graph-builder.ts";

function example() {
  const builder = new GraphBuilder("example");
  const x = builder.input("x", "float32", ["batch", 2]);
  const ids = builder.input("ids", "int64", ["batch"]);
  const weight = builder.weight(constantWeight("weight", [2, 3], new Float32Array(6)));
  const bias = builder.weight(constantWeight("bias", [3], new Float32Array(3)));
  const hidden = builder.fastGelu(builder.matMul(x, weight), bias);
  builder.output("y", builder.softmax(hidden));
  builder.output("next", builder.add(ids, builder.integers([], [-5])));
  return builder.build();
}

test("what is encoded reads back the same", () => {
  const graph = example();
  const bytes = encodeGraph(graph, (name) => ({
    location: "weights.bin",
    offset: name === "weight" ? 0 : 2 ** 33,
    byteLength: name === "weight" ? 24 : 12,
  }));
  const model = fromBinary(ModelProtoSchema, bytes);
  expect(model.producerName).toBe("pith");
  expect(model.opsetImport.map(({ domain, version }) => [domain, version])).toEqual(
    expect.arrayContaining([
      ["", BigInt(operatorSet)],
      ["com.microsoft", 1n],
    ]),
  );
  expect(model.graph?.name).toBe("example");
  const shapes = (list: NonNullable<typeof model.graph>["input"]) =>
    list.map(({ name, type }) => {
      if (type?.value.case !== "tensorType") throw new TypeError("not a tensor");
      const { elemType, shape } = type.value.value;
      return [name, elemType, shape?.dim.map((dimension) => dimension.value.value)];
    });
  const { FLOAT, INT64 } = TensorProto_DataType;
  expect(shapes(model.graph?.input ?? [])).toEqual([
    ["x", FLOAT, ["batch", 2n]],
    ["ids", INT64, ["batch"]],
  ]);
  expect(shapes(model.graph?.output ?? [])).toEqual([
    ["y", FLOAT, ["batch", 3n]],
    ["next", INT64, ["batch"]],
  ]);
  expect(model.graph?.node.map(({ opType, domain }) => [opType, domain])).toEqual([
    ["MatMul", ""],
    ["FastGelu", "com.microsoft"],
    ["Softmax", ""],
    ["Identity", ""],
    ["Add", ""],
    ["Identity", ""],
  ]);
  // Every node reads what an earlier one, an input or an initializer gives.
  const known = new Set(["x", "ids", ...(model.graph?.initializer ?? []).map(({ name }) => name)]);
  for (const { input, output } of model.graph?.node ?? []) {
    for (const name of input) expect(known).toContain(name);
    for (const name of output) known.add(name);
  }
  const softmax = model.graph?.node[2];
  expect(softmax?.attribute.map(({ name, i }) => [name, i])).toEqual([["axis", -1n]]);

  const external = (model.graph?.initializer ?? []).filter(
    ({ dataLocation }) => dataLocation === TensorProto_DataLocation.EXTERNAL,
  );
  expect(
    external.map(({ name, dims, dataType, externalData }) => ({
      name,
      dims,
      dataType,
      data: Object.fromEntries(externalData.map(({ key, value }) => [key, value])),
    })),
  ).toEqual([
    {
      name: "weight",
      dims: [2n, 3n],
      dataType: FLOAT,
      data: { location: "weights.bin", offset: "0", length: "24" },
    },
    {
      name: "bias",
      dims: [3n],
      dataType: FLOAT,
      data: { location: "weights.bin", offset: "8589934592", length: "12" },
    },
  ]);
  const inline = (model.graph?.initializer ?? []).find(({ dataType }) => dataType === INT64);
  expect(inline?.dims).toEqual([]);
  expect(inline?.rawData && new DataView(inline.rawData.slice().buffer).getBigInt64(0, true)).toBe(-5n);
});

test("the weights' bytes are not in the model", () => {
  const builder = new GraphBuilder("large");
  const weight = builder.weight(constantWeight("w", [1000, 1000], new Float32Array(1e6)));
  builder.output("y", builder.matMul(builder.input("x", "float32", ["n", 1000]), weight));
  const place = { location: "weights", offset: 0, byteLength: 4e6 };
  expect(encodeGraph(builder.build(), () => place).byteLength).toBeLessThan(1000);
});
