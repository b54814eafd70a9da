/**
 * Rewrites a graph so that its weights have a narrower number format, with standard operators. A matrix is
 * dequantised before its product; where ONNX Runtime has a kernel for both steps (MatMulNBits), it reads the
 * narrow weights directly. Of a table, only the gathered rows are dequantised. Weights that are read in any other
 * way stay float32: biases, norms, and tables that are added, about a percent of a model.
 */
import type { Graph, GraphNode, InlineConstant, StoredWeight, Value } from "../onnx/graph.ts";
import { type Dtype, int4Block, int8BlockFor } from "./dtype.ts";
import {
  type Blocks,
  blockScales,
  largestOf,
  packInt4,
  quantize,
  scaleShape,
  toFloat16,
} from "./dtype-numbers.ts";
import { suffixes } from "./stored-weights.ts";

/**
 * @param graph of float32 weights. @throws PithError "options", when a weight is read that float16 can't hold.
 */
export function withDtype(graph: Graph, dtype: Dtype): Graph {
  if (dtype === "f32") return graph;
  const uses = usesOf(graph);
  const weights: Graph["weights"][number][] = [];
  const narrow = new Map<string, NarrowWeight>();
  for (const external of graph.weights) {
    const layout =
      external.value.type === "float32" ? layoutOf(uses.get(external.value.name) ?? []) : undefined;
    if (layout === undefined) {
      weights.push(external);
      continue;
    }
    const stored = dtype === "f16" ? float16(external) : quantized(external, dtype, layout);
    narrow.set(external.value.name, stored);
    weights.push(...stored.weights);
  }
  const widened = new Set<string>();
  const nodes = graph.nodes.flatMap((node) => {
    const read = node.inputs.find((input) => input !== undefined && narrow.has(input.name));
    const weight = read && narrow.get(read.name);
    return weight === undefined ? [node] : rewrite(node, weight, widened);
  });
  const needsShape = nodes.some(({ inputs }) => inputs.includes(flatShape.value));
  const constants = needsShape ? [...graph.constants, flatShape] : graph.constants;
  return { ...graph, constants, weights, nodes };
}

type External = Graph["weights"][number];
/** "columns": the right side of a product, [in, out]. "rows": a table, or a matrix [out, in]. */
type Layout = "columns" | "rows";

interface NarrowWeight {
  readonly weights: readonly External[];
  readonly original: Value;
  readonly values: Value;
  /** Undefined for float16. */
  readonly scales?: Value;
  readonly blockSize?: number;
}

/** For every weight, how each node that reads it does so; undefined: in a way that needs float32. */
function usesOf({ nodes }: Graph): ReadonlyMap<string, readonly (Layout | undefined)[]> {
  const uses = new Map<string, (Layout | undefined)[]>();
  for (const node of nodes) {
    for (const [index, input] of node.inputs.entries()) {
      if (input !== undefined) uses.set(input.name, [...(uses.get(input.name) ?? []), useOf(node, index)]);
    }
  }
  return uses;
}

function useOf({ operator, inputs, attributes }: GraphNode, index: number): Layout | undefined {
  if (inputs[index]?.shape.length !== 2) return undefined;
  const attribute = (name: string): number => {
    const found = attributes[name];
    return found?.kind === "int" ? found.value : 0;
  };
  if (operator === "MatMul" && index === 1) return "columns";
  if (operator === "Gemm" && index === 1 && inputs[2] === undefined && attribute("transB") === 1)
    return "rows";
  if (operator === "Gather" && index === 0 && attribute("axis") === 0) return "rows";
  return undefined;
}

function layoutOf(uses: readonly (Layout | undefined)[]): Layout | undefined {
  const [first] = uses;
  return uses.every((use) => use === first) ? first : undefined;
}

function float16({ value, weight }: External): NarrowWeight {
  const values: Value = { ...value, name: value.name + suffixes.float16, type: "float16" };
  const stored: StoredWeight = {
    name: values.name,
    shape: weight.shape,
    read: async () => toFloat16(await float32(weight), weight.name),
  };
  return { weights: [{ value: values, weight: stored }], original: value, values };
}

function quantized({ value, weight }: External, dtype: "int8" | "int4", layout: Layout): NarrowWeight {
  const [rows = 0, columns = 0] = weight.shape;
  const summed = layout === "columns" ? rows : columns;
  const format =
    dtype === "int4" && layout === "columns" && rows % int4Block === 0 && columns % 2 === 0 ? dtype : "int8";
  const size = format === "int4" ? int4Block : (int8BlockFor(summed) ?? summed);
  const blocks: Blocks = { rows, columns, axis: layout === "columns" ? 0 : 1, size };
  const largest = largestOf[format];
  const shape = scaleShape(blocks);
  const values: Value = { name: value.name + suffixes[format], type: format, shape: weight.shape };
  const scales: Value = { name: value.name + suffixes.scales, type: "float32", shape };
  const readScales = async (source: Float32Array) => blockScales(source, blocks, largest);
  return {
    original: value,
    values,
    scales,
    blockSize: size,
    weights: [
      {
        value: values,
        weight: {
          name: values.name,
          shape: weight.shape,
          async read() {
            const source = await float32(weight);
            const steps = quantize(source, await readScales(source), blocks, largest);
            return format === "int4" ? packInt4(steps) : steps;
          },
        },
      },
      {
        value: scales,
        weight: { name: scales.name, shape, read: async () => readScales(await float32(weight)) },
      },
    ],
  };
}

async function float32(weight: StoredWeight): Promise<Float32Array<ArrayBuffer>> {
  const values = await weight.read();
  if (values instanceof Float32Array) return values;
  throw new TypeError(`${weight.name} is not float32 any more`);
}

/** @param widened names of matrices that the graph already has in float32. */
function rewrite(node: GraphNode, weight: NarrowWeight, widened: Set<string>): readonly GraphNode[] {
  return node.operator === "Gather" ? gatherNarrow(node, weight) : multiplyNarrow(node, weight, widened);
}

/** Gathers rows, then widens them. */
function gatherNarrow(node: GraphNode, weight: NarrowWeight): readonly GraphNode[] {
  const [output] = node.outputs;
  const indices = node.inputs[1];
  if (output === undefined || indices === undefined) throw new TypeError("Gather without indices or output");
  const rows: Value = { ...output, name: `${output.name}/rows`, type: weight.values.type };
  const gather = { ...node, inputs: [weight.values, indices], outputs: [rows] };
  if (weight.scales === undefined) return [gather, cast(rows, output)];
  const scales: Value = {
    name: `${output.name}/row_scales`,
    type: "float32",
    shape: [...output.shape.slice(0, -1), weight.scales.shape[1] ?? 0],
  };
  return [
    gather,
    { ...node, inputs: [weight.scales, indices], outputs: [scales] },
    dequantizeBlocks(rows, scales, output, output.shape.length - 1, weight.blockSize ?? 0),
  ];
}

function multiplyNarrow(node: GraphNode, weight: NarrowWeight, widened: Set<string>): readonly GraphNode[] {
  const { original, values, scales, blockSize = 0 } = weight;
  const isTransposed = node.operator === "Gemm";
  // One float32 matrix serves all readers of a float16 weight; a quantised one must belong to one product alone
  // to become one kernel.
  const stem = scales === undefined ? original.name : (node.outputs[0]?.name ?? "");
  const matrix: Value = {
    name: `${stem}/float32`,
    type: "float32",
    shape: isTransposed && scales !== undefined ? [...original.shape].reverse() : original.shape,
  };
  if (scales === undefined) {
    const product = { ...node, inputs: [node.inputs[0], matrix] };
    if (widened.has(matrix.name)) return [product];
    widened.add(matrix.name);
    return [cast(values, matrix), product];
  }
  const product: GraphNode = {
    ...node,
    operator: "MatMul",
    inputs: [node.inputs[0], matrix],
    attributes: {},
  };
  const wholeAxis = scales.shape[isTransposed ? 1 : 0] === 1;
  if (!isTransposed) {
    return wholeAxis
      ? [...oneScaleAColumn(values, scales, matrix, stem), product]
      : [dequantizeBlocks(values, scales, matrix, 0, blockSize), product];
  }
  // The runtime transposes it once, when it loads the model: the file holds the table once for both readers.
  const turned = turn(values, `${stem}/turned`);
  if (wholeAxis)
    return [turned, ...oneScaleAColumn(turned.outputs[0] as Value, scales, matrix, stem), product];
  const turnedScales = turn(scales, `${stem}/turned_scales`);
  return [
    turned,
    turnedScales,
    dequantizeBlocks(turned.outputs[0] as Value, turnedScales.outputs[0] as Value, matrix, 0, blockSize),
    product,
  ];
}

/** Where no block size of the kernels divides the sum: turns scales [1, out] or [out, 1] into [out]. */
function oneScaleAColumn(values: Value, scales: Value, matrix: Value, stem: string): readonly GraphNode[] {
  const flat: Value = { name: `${stem}/flat_scales`, type: "float32", shape: [matrix.shape[1] ?? 0] };
  return [
    standard("Reshape", [scales, flatShape.value], flat),
    standard("DequantizeLinear", [values, flat], matrix, { axis: 1 }),
  ];
}

/** For Reshape: everything in one axis. */
const flatShape: InlineConstant = {
  value: { name: "/flat_shape", type: "int64", shape: [1] },
  data: BigInt64Array.of(-1n),
};

const dequantizeBlocks = (
  values: Value,
  scales: Value,
  output: Value,
  axis: number,
  size: number,
): GraphNode => standard("DequantizeLinear", [values, scales], output, { axis, block_size: size });

const cast = (values: Value, output: Value): GraphNode => standard("Cast", [values], output, { to: 1 });

function turn(values: Value, name: string): GraphNode {
  const output: Value = { ...values, name, shape: [...values.shape].reverse() };
  return {
    ...standard("Transpose", [values], output),
    attributes: { perm: { kind: "ints", value: [1, 0] } },
  };
}

function standard(
  operator: GraphNode["operator"],
  inputs: GraphNode["inputs"],
  output: Value,
  integers: Readonly<Record<string, number>> = {},
): GraphNode {
  return {
    operator,
    domain: "",
    inputs,
    outputs: [output],
    attributes: Object.fromEntries(
      Object.entries(integers).map(([name, value]) => [name, { kind: "int", value } as const]),
    ),
  };
}
