/**
 * Quantises a model as the tools of ONNX Runtime do, for comparison with circuits: int8 matrices with one scale a
 * column, and activations quantised at run time with one scale for all (DynamicQuantizeLinear, MatMulInteger).
 * ONNX Runtime fuses the four nodes into one kernel. Circuits are not shipped this way: see `dtype-graph.ts`.
 */
import type { Graph, GraphNode, StoredWeight, Value } from "../onnx/graph.ts";
import { type Blocks, blockScales, quantize } from "./dtype-numbers.ts";

/**
 * Weights have 7 bits, as with other tools' `reduce_range`: processors without VNNI add products of uint8 and
 * int8 in pairs of 16 bits, which overflow silently with 8 bits.
 */
const largest = 63;

export function withDynamicInt8(graph: Graph): Graph {
  const float32 = new Map(graph.weights.map((external) => [external.value.name, external]));
  const weights = new Map<string, Graph["weights"][number]>();
  const nodes = graph.nodes.flatMap((node) => {
    const [x, b] = node.inputs;
    const isProduct =
      node.operator === "MatMul" || (node.operator === "Gemm" && node.inputs[2] === undefined);
    const external = b && float32.get(b.name);
    if (!isProduct || x === undefined || external === undefined) return [node];
    const { values, scales, added } = quantizeColumns(external, node.operator === "Gemm");
    for (const weight of added) weights.set(weight.value.name, weight);
    return dynamicProduct(node, x, values, scales);
  });
  const read = new Set(nodes.flatMap(({ inputs }) => inputs.flatMap((input) => input?.name ?? [])));
  const kept = graph.weights.filter(({ value }) => read.has(value.name));
  return { ...graph, nodes, weights: [...kept, ...weights.values()] };
}

/** @param transposed whether the weight is [out, in]; the quantised one is always [in, out]. */
function quantizeColumns({ value, weight }: Graph["weights"][number], transposed: boolean) {
  const [first = 0, second = 0] = weight.shape;
  const [rows, columns] = transposed ? [second, first] : [first, second];
  const blocks: Blocks = { rows, columns, axis: 0, size: rows };
  const read = async (): Promise<Float32Array> => {
    const values = await weight.read();
    if (!(values instanceof Float32Array)) throw new TypeError(`${weight.name} is not float32`);
    return transposed ? transpose(values, first, second) : values;
  };
  const scalesOf = (values: Float32Array) => blockScales(values, blocks, largest);
  const store = (
    suffix: string,
    type: Value["type"],
    shape: readonly number[],
    own: StoredWeight["read"],
  ) => {
    const name = value.name + suffix;
    return { value: { name, type, shape }, weight: { name, shape, read: own } };
  };
  const values = store("/dynamic_int8", "int8", [rows, columns], async () => {
    const source = await read();
    return quantize(source, scalesOf(source), blocks, largest);
  });
  const scales = store("/dynamic_scales", "float32", [columns], async () => scalesOf(await read()));
  return { values: values.value, scales: scales.value, added: [values, scales] };
}

function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      turned[column * rows + row] = values[row * columns + column] as number;
    }
  }
  return turned;
}

function dynamicProduct(node: GraphNode, x: Value, weight: Value, scales: Value): readonly GraphNode[] {
  const [output] = node.outputs;
  if (output === undefined) throw new TypeError(`${node.operator} without output`);
  const part = (suffix: string, type: Value["type"], shape: Value["shape"]): Value => ({
    name: `${output.name}/${suffix}`,
    type,
    shape,
  });
  const quantized = part("x", "uint8", x.shape);
  const xScale = part("x_scale", "float32", []);
  const xZero = part("x_zero", "uint8", []);
  const sums = part("sums", "int32", output.shape);
  const floats = part("floats", "float32", output.shape);
  const scale = part("scale", "float32", scales.shape);
  const make = (
    operator: GraphNode["operator"],
    inputs: readonly Value[],
    outputs: readonly Value[],
    to?: number,
  ): GraphNode => ({
    ...{ operator, domain: "", inputs, outputs },
    attributes: to === undefined ? {} : { to: { kind: "int", value: to } },
  });
  return [
    make("DynamicQuantizeLinear", [x], [quantized, xScale, xZero]),
    make("MatMulInteger", [quantized, weight, xZero], [sums]),
    make("Cast", [sums], [floats], 1),
    make("Mul", [xScale, scales], [scale]),
    make("Mul", [floats, scale], [output]),
  ];
}
