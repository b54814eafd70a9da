/**
 * Graph → the bytes of an ONNX model file. Weights are written as references into a data file (ONNX "external
 * data": location, offset, length), so the model itself stays a few KB and a runtime can map or copy the weights
 * as it likes. The data file may have any format; Pith writes safetensors.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";
import type { Attribute, ElementType, Graph, GraphNode, InlineConstant, Shape, Value } from "./graph.ts";

/**
 * The lowest operator set that float32 graphs need: it was the first with Gelu; ONNX Runtime 1.17 and later read
 * it.
 * @internal
 */
export const operatorSet = 20;
const irVersion = 9n;
/** The lowest operator set with block-quantised weights and int4; ONNX Runtime 1.18 and later read it. */
const quantizedOperatorSet = 21;
const quantizedIrVersion = 10n;

/** The place of a weight's bytes. */
export interface ExternalLocation {
  /** A file name beside the model file. */
  readonly location: string;
  /** In bytes from the file's start. */
  readonly offset: number;
  readonly byteLength: number;
}

/** ONNX's numbers for element types. */
export const dataTypes: Readonly<Record<ElementType, TensorProto_DataType>> = {
  float32: TensorProto_DataType.FLOAT,
  int64: TensorProto_DataType.INT64,
  bool: TensorProto_DataType.BOOL,
  float16: TensorProto_DataType.FLOAT16,
  int8: TensorProto_DataType.INT8,
  int4: TensorProto_DataType.INT4,
  uint8: TensorProto_DataType.UINT8,
  int32: TensorProto_DataType.INT32,
};

/** @param locate gives the place of an external weight's bytes, by the weight's name. */
export function encodeGraph(
  graph: Graph,
  locate: (name: string) => ExternalLocation,
): Uint8Array<ArrayBuffer> {
  const domains = new Set(graph.nodes.map((node) => node.domain));
  domains.add("");
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const isQuantized = graph.nodes.some(({ operator }) => operator === "DequantizeLinear");
  const standardVersion = BigInt(isQuantized ? quantizedOperatorSet : operatorSet);
  const model = create(ModelProtoSchema, {
    irVersion: isQuantized ? quantizedIrVersion : irVersion,
    producerName: "pith",
    opsetImport: [...domains].map((domain) =>
      create(OperatorSetIdProtoSchema, { domain, version: domain === "" ? standardVersion : 1n }),
    ),
    graph: create(GraphProtoSchema, {
      name: graph.name,
      input: graph.inputs.map(valueInfo),
      output: graph.outputs.map(valueInfo),
      // Shapes of the values between the nodes, so that a reader can count operations without shape inference.
      valueInfo: graph.nodes
        .flatMap((node) => node.outputs)
        .filter(({ name }) => !outputs.has(name))
        .map(valueInfo),
      node: graph.nodes.map(nodeProto),
      initializer: [
        ...graph.constants.map(inlineTensor),
        ...graph.weights.map(({ value }) => externalTensor(value, locate(value.name))),
      ],
    }),
  });
  return toBinary(ModelProtoSchema, model) as Uint8Array<ArrayBuffer>;
}

function nodeProto(node: GraphNode, index: number) {
  return create(NodeProtoSchema, {
    opType: node.operator,
    domain: node.domain,
    name: `${node.operator}_${index}`,
    input: node.inputs.map((input) => input?.name ?? ""),
    output: node.outputs.map((output) => output.name),
    attribute: Object.entries(node.attributes).map(([name, attribute]) => attributeProto(name, attribute)),
  });
}

function attributeProto(name: string, attribute: Attribute) {
  switch (attribute.kind) {
    case "int":
      return create(AttributeProtoSchema, {
        name,
        type: AttributeProto_AttributeType.INT,
        i: BigInt(attribute.value),
      });
    case "float":
      return create(AttributeProtoSchema, {
        name,
        type: AttributeProto_AttributeType.FLOAT,
        f: attribute.value,
      });
    case "ints":
      return create(AttributeProtoSchema, {
        name,
        type: AttributeProto_AttributeType.INTS,
        ints: attribute.value.map((value) => BigInt(value)),
      });
    case "string":
      return create(AttributeProtoSchema, {
        name,
        type: AttributeProto_AttributeType.STRING,
        s: new TextEncoder().encode(attribute.value),
      });
  }
}

function inlineTensor({ value, data }: InlineConstant) {
  return create(TensorProtoSchema, {
    name: value.name,
    dataType: dataTypes[value.type],
    dims: staticDimensions(value),
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  });
}

function externalTensor(value: Value, place: ExternalLocation) {
  return create(TensorProtoSchema, {
    name: value.name,
    dataType: dataTypes[value.type],
    dims: staticDimensions(value),
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries({
      location: place.location,
      offset: String(place.offset),
      length: String(place.byteLength),
    }).map(([key, entry]) => create(StringStringEntryProtoSchema, { key, value: entry })),
  });
}

function staticDimensions(value: Value): bigint[] {
  return value.shape.map((dimension) => {
    if (typeof dimension === "string")
      throw new TypeError(`${value.name}: an initializer needs a fixed shape`);
    return BigInt(dimension);
  });
}

function valueInfo(value: Value) {
  return create(ValueInfoProtoSchema, {
    name: value.name,
    type: create(TypeProtoSchema, {
      value: {
        case: "tensorType",
        value: create(TypeProto_TensorSchema, {
          elemType: dataTypes[value.type],
          shape: shapeProto(value.shape),
        }),
      },
    }),
  });
}

function shapeProto(shape: Shape) {
  return create(TensorShapeProtoSchema, {
    dim: shape.map((dimension) =>
      create(TensorShapeProto_DimensionSchema, {
        value:
          typeof dimension === "string"
            ? { case: "dimParam", value: dimension }
            : { case: "dimValue", value: BigInt(dimension) },
      }),
    ),
  });
}
