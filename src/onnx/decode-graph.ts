/**
 * Reads the bytes of an ONNX model file that `encodeGraph` wrote into a Graph: such files hold the shapes of all
 * values, and weights as external data. So a shipped file can be counted and converted without the original
 * model.
 */
import { fromBinary } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorProto_DataLocation,
  type ValueInfoProto,
} from "onnx-buf";
import { PithError } from "../errors.ts";
import { dataTypes, type ExternalLocation } from "./encode-graph.ts";
import type {
  Attribute,
  Dimension,
  ElementType,
  ExternalWeight,
  Graph,
  GraphNode,
  InlineConstant,
  Value,
  WeightData,
} from "./graph.ts";
import { isOperator } from "./operator.ts";

/** Reads a weight's bytes when they are needed; `value.type` is their format. */
export type ReadWeight = (place: ExternalLocation, value: Value) => Promise<WeightData>;

/**
 * @param file for errors.
 * @throws PithError "circuit" for bytes that are not an ONNX model, or not one that Pith wrote.
 */
export function decodeGraph(bytes: Uint8Array, file: string, readWeight: ReadWeight): Graph {
  const { graph } = parse(bytes, file);
  const fail = (what: string): PithError =>
    new PithError("circuit", `is not a model that this version of Pith wrote: ${what}.`, { place: { file } });
  if (graph === undefined) throw fail("it has no graph");

  const values = new Map<string, Value>();
  const declare = (value: Value): Value => {
    values.set(value.name, value);
    return value;
  };
  const inputs = graph.input.map((info) => declare(toValue(info, fail)));
  const outputs = graph.output.map((info) => declare(toValue(info, fail)));
  for (const info of graph.valueInfo) declare(toValue(info, fail));
  const constants: InlineConstant[] = [];
  const weights: ExternalWeight[] = [];
  for (const tensor of graph.initializer) {
    const value = declare({
      name: tensor.name,
      type: elementType(tensor.dataType, fail),
      shape: tensor.dims.map(Number),
    });
    if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL) {
      const place = placeOf(tensor, fail);
      const { name } = tensor;
      const shape = tensor.dims.map(Number);
      weights.push({ value, weight: { name, shape, read: () => readWeight(place, value) } });
    } else {
      constants.push({ value, data: inlineData(tensor, value, fail) });
    }
  }
  const known = (name: string): Value => {
    const value = values.get(name);
    if (value === undefined) throw fail(`it does not say what shape "${name}" has`);
    return value;
  };
  const nodes = graph.node.map((node) => toNode(node, known, fail));
  return { name: graph.name, inputs, outputs, nodes, constants, weights };
}

type Fail = (what: string) => PithError;

function parse(bytes: Uint8Array, file: string): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw new PithError("circuit", "is not an ONNX model.", { place: { file }, cause });
  }
}

function toNode(node: NodeProto, known: (name: string) => Value, fail: Fail): GraphNode {
  const operator = node.opType;
  if (!isOperator(operator)) throw fail(`it has an operator "${operator}"`);
  return {
    operator,
    domain: node.domain,
    inputs: node.input.map((name) => (name === "" ? undefined : known(name))),
    outputs: node.output.map(known),
    attributes: Object.fromEntries(
      node.attribute.map((attribute) => [attribute.name, toAttribute(attribute, fail)]),
    ),
  };
}

function toAttribute({ type, i, f, ints, s, name }: AttributeProto, fail: Fail): Attribute {
  switch (type) {
    case AttributeProto_AttributeType.INT:
      return { kind: "int", value: Number(i) };
    case AttributeProto_AttributeType.FLOAT:
      return { kind: "float", value: f };
    case AttributeProto_AttributeType.INTS:
      return { kind: "ints", value: ints.map(Number) };
    case AttributeProto_AttributeType.STRING:
      return { kind: "string", value: new TextDecoder().decode(s) };
    default:
      throw fail(`attribute "${name}" is of type ${type}`);
  }
}

function toValue({ name, type }: ValueInfoProto, fail: Fail): Value {
  if (type?.value.case !== "tensorType") throw fail(`"${name}" is no tensor`);
  const { elemType, shape } = type.value.value;
  return {
    name,
    type: elementType(elemType, fail),
    shape: (shape?.dim ?? []).map(({ value }): Dimension => {
      if (value.case === "dimParam") return value.value;
      if (value.case === "dimValue") return Number(value.value);
      throw fail(`"${name}" has a dimension without a size`);
    }),
  };
}

const elementTypes: ReadonlyMap<number, ElementType> = new Map(
  Object.entries(dataTypes).map(([type, number]) => [number, type as ElementType]),
);

function elementType(number: number, fail: Fail): ElementType {
  const type = elementTypes.get(number);
  if (type === undefined) throw fail(`it has a tensor of element type ${number}`);
  return type;
}

function placeOf({ name, externalData }: TensorProto, fail: Fail): ExternalLocation {
  const entries = new Map(externalData.map(({ key, value }) => [key, value]));
  const location = entries.get("location");
  const [offset, byteLength] = [Number(entries.get("offset")), Number(entries.get("length"))];
  if (location === undefined || !Number.isSafeInteger(offset) || !Number.isSafeInteger(byteLength)) {
    throw fail(`it does not say where "${name}" lies`);
  }
  return { location, offset, byteLength };
}

function inlineData(
  { rawData }: TensorProto,
  { name, type, shape }: Value,
  fail: Fail,
): InlineConstant["data"] {
  if (type !== "float32" && type !== "int64") throw fail(`constant "${name}" is ${type}`);
  const elements = shape.reduce<number>((product, size) => product * Number(size), 1);
  if (rawData.length !== elements * (type === "float32" ? 4 : 8)) {
    throw fail(`constant "${name}" has ${rawData.length} bytes`);
  }
  // A copy, because the bytes in the file need not be aligned. (The `slice` of Node's Buffer does not copy.)
  const { buffer } = new Uint8Array(rawData);
  return type === "float32" ? new Float32Array(buffer) : new BigInt64Array(buffer);
}
