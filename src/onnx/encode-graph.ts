/**
 * Graph → the bytes of an ONNX model file. Weights are written as references into a data file
 * (ONNX "external data": location, offset, length), so the model itself stays a few KB and a runtime can
 * map or copy the weights as it likes. Any container will do for the data file; ours is safetensors.
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

/** The lowest operator set that has all we emit (Gelu came with 20); ONNX Runtime ≥ 1.17 reads it. */
export const operatorSet = 20;
const irVersion = 9n;

/** Where a weight's bytes lie. */
export interface ExternalLocation {
  /** A file name beside the model file. */
  readonly location: string;
  /** In bytes from the file's start. */
  readonly offset: number;
  readonly byteLength: number;
}

const dataTypes: Readonly<Record<ElementType, TensorProto_DataType>> = {
  float32: TensorProto_DataType.FLOAT,
  int64: TensorProto_DataType.INT64,
  bool: TensorProto_DataType.BOOL,
};

/** @param locate says for the name of each external weight where its bytes are. */
export function encodeGraph(
  graph: Graph,
  locate: (name: string) => ExternalLocation,
): Uint8Array<ArrayBuffer> {
  const domains = new Set(graph.nodes.map((node) => node.domain));
  domains.add("");
  const model = create(ModelProtoSchema, {
    irVersion,
    producerName: "pith",
    opsetImport: [...domains].map((domain) =>
      create(OperatorSetIdProtoSchema, { domain, version: BigInt(domain === "" ? operatorSet : 1) }),
    ),
    graph: create(GraphProtoSchema, {
      name: graph.name,
      input: graph.inputs.map(valueInfo),
      output: graph.outputs.map(valueInfo),
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
