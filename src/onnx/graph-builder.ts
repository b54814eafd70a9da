/**
 * Builds an ONNX graph node by node and checks shapes on the way: a wrong shape is a `ShapeError` at the line
 * that made it, not a message from a runtime later. There is one method for each operator that Pith uses; it does
 * what the ONNX operator of the same name does. Dimensions may be symbols; two different symbols never match.
 */
import type { Weight } from "../transformer/weight.ts";
import type {
  Attribute,
  Dimension,
  ElementType,
  ExternalWeight,
  Graph,
  GraphNode,
  InlineConstant,
  Shape,
  StoredWeight,
  Value,
} from "./graph.ts";
import type { Operator } from "./operator.ts";
import { broadcastShapes, normalizeAxis, ShapeError } from "./shape.ts";

const microsoft = "com.microsoft";

export class GraphBuilder {
  private readonly name: string;
  private readonly inputs: Value[] = [];
  private readonly outputs: Value[] = [];
  private readonly nodes: GraphNode[] = [];
  private readonly constants: InlineConstant[] = [];
  private readonly weights = new Map<StoredWeight, ExternalWeight>();
  private readonly names = new Set<string>();
  private readonly smallConstants = new Map<string, Value>();

  constructor(name: string) {
    this.name = name;
  }

  /** A builder that holds all of `graph` but its outputs: nodes may follow, and outputs are chosen anew. */
  static continuing(graph: Graph, name: string): GraphBuilder {
    const builder = new GraphBuilder(name);
    builder.inputs.push(...graph.inputs);
    builder.nodes.push(...graph.nodes);
    builder.constants.push(...graph.constants);
    for (const external of graph.weights) builder.weights.set(external.weight, external);
    const values = [graph.inputs, [...graph.constants, ...graph.weights].map(({ value }) => value)];
    for (const value of [...values, ...graph.nodes.map(({ outputs }) => outputs)].flat())
      builder.names.add(value.name);
    return builder;
  }

  input(name: string, type: ElementType, shape: Shape): Value {
    const value = { name: this.claim(name), type, shape };
    this.inputs.push(value);
    return value;
  }

  /** Marks a value as an output under a name of its own. */
  output(name: string, value: Value): void {
    const output = { ...value, name: this.claim(name) };
    this.nodes.push({ operator: "Identity", domain: "", inputs: [value], outputs: [output], attributes: {} });
    this.outputs.push(output);
  }

  /** An output of the graph that this builder continues, under its name there. */
  keepOutput(value: Value): void {
    this.outputs.push(value);
  }

  /** The same value under a name by which a gradient takes it for a constant. See `heldValues`. */
  hold(value: Value): Value {
    const held = { ...value, name: this.freeName(heldStem) };
    this.nodes.push({ operator: "Identity", domain: "", inputs: [value], outputs: [held], attributes: {} });
    return held;
  }

  /** A weight under its own name; the same weight used twice is one initializer. */
  weight(weight: Weight): Value {
    const known = this.weights.get(weight);
    if (known !== undefined) return known.value;
    const value: Value = { name: this.freeName(weight.name), type: "float32", shape: weight.shape };
    this.weights.set(weight, { value, weight });
    return value;
  }

  /** A small float constant, kept inside the graph. */
  floats(shape: readonly number[], data: readonly number[] | Float32Array<ArrayBuffer>): Value {
    return this.constant("float32", shape, Float32Array.from(data));
  }

  integers(shape: readonly number[], data: readonly number[]): Value {
    return this.constant("int64", shape, BigInt64Array.from(data, BigInt));
  }

  /** [..., m, k] × [..., k, n] → [..., m, n]; leading dimensions broadcast. */
  matMul(a: Value, b: Value): Value {
    return this.node("MatMul", [a, b], productShape("MatMul", a, b));
  }

  /** a [m, k] × b [n, k]ᵀ → [m, n]: for matrices that are stored [out, in]. */
  matMulTransposed(a: Value, b: Value): Value {
    const [m, k, n] = [a.shape[0], a.shape[1], b.shape[0]];
    if (
      a.shape.length !== 2 ||
      b.shape.length !== 2 ||
      m === undefined ||
      n === undefined ||
      k !== b.shape[1]
    ) {
      throw new ShapeError("Gemm", a, b);
    }
    return this.node("Gemm", [a, b], [m, n], { transB: int(1) });
  }

  /** a [..., m, k] × b [n, k]ᵀ → [..., m, n], by ONNX Runtime's own operator, which reads b as it is stored. */
  fusedMatMulTransposed(a: Value, b: Value): Value {
    if (b.shape.length !== 2) throw new ShapeError("FusedMatMul", a, b);
    return this.fusedMatMul(a, b, { b: true });
  }

  /**
   * `matMul` of matrices whose last two axes are swapped first, where `transposed` says so, by ONNX Runtime's own
   * operator.
   */
  fusedMatMul(
    a: Value,
    b: Value,
    transposed: { readonly a?: boolean | undefined; readonly b?: boolean | undefined },
  ): Value {
    const turned = (x: Value, isTransposed = false): Value =>
      isTransposed ? { ...x, shape: swapLast(x) } : x;
    const shape = productShape("FusedMatMul", turned(a, transposed.a), turned(b, transposed.b));
    const attributes = {
      ...(transposed.a && { transA: int(1) }),
      ...(transposed.b && { transB: int(1) }),
    };
    return this.node("FusedMatMul", [a, b], shape, attributes, "float32", microsoft);
  }

  add = (a: Value, b: Value): Value => this.elementwise("Add", a, b);
  sub = (a: Value, b: Value): Value => this.elementwise("Sub", a, b);
  mul = (a: Value, b: Value): Value => this.elementwise("Mul", a, b);
  div = (a: Value, b: Value): Value => this.elementwise("Div", a, b);
  neg = (x: Value): Value => this.node("Neg", [x], x.shape, {}, x.type);
  /** The error function. */
  erf = (x: Value): Value => this.node("Erf", [x], x.shape, {}, x.type);
  exp = (x: Value): Value => this.node("Exp", [x], x.shape, {}, x.type);
  log = (x: Value): Value => this.node("Log", [x], x.shape, {}, x.type);
  sqrt = (x: Value): Value => this.node("Sqrt", [x], x.shape, {}, x.type);
  tanh = (x: Value): Value => this.node("Tanh", [x], x.shape, {}, x.type);
  sin = (x: Value): Value => this.node("Sin", [x], x.shape, {}, x.type);
  cos = (x: Value): Value => this.node("Cos", [x], x.shape, {}, x.type);
  relu = (x: Value): Value => this.node("Relu", [x], x.shape, {}, x.type);
  sigmoid = (x: Value): Value => this.node("Sigmoid", [x], x.shape, {}, x.type);

  lessOrEqual(a: Value, b: Value): Value {
    return this.node("LessOrEqual", [a, b], broadcastShapes("LessOrEqual", a.shape, b.shape), {}, "bool");
  }

  equal(a: Value, b: Value): Value {
    return this.node("Equal", [a, b], broadcastShapes("Equal", a.shape, b.shape), {}, "bool");
  }

  and(a: Value, b: Value): Value {
    return this.node("And", [a, b], broadcastShapes("And", a.shape, b.shape), {}, "bool");
  }

  where(condition: Value, a: Value, b: Value): Value {
    const shape = broadcastShapes("Where", condition.shape, broadcastShapes("Where", a.shape, b.shape));
    return this.node("Where", [condition, a, b], shape, {}, a.type);
  }

  cast(x: Value, type: "float32" | "int64" | "bool"): Value {
    const codes = { float32: 1, int64: 7, bool: 9 } as const;
    return this.node("Cast", [x], x.shape, { to: int(codes[type]) }, type);
  }

  /** gelu(x); `tanh` is GPT-2's approximation (gelu_new). */
  gelu(x: Value, approximate: "none" | "tanh"): Value {
    return this.node("Gelu", [x], x.shape, { approximate: { kind: "string", value: approximate } });
  }

  /** ONNX Runtime's operator for gelu_tanh(x + bias), which needs one pass over memory. */
  fastGelu(x: Value, bias: Value): Value {
    return this.node("FastGelu", [x, bias], x.shape, {}, "float32", microsoft);
  }

  layerNormalization(x: Value, scale: Value, shift: Value | undefined, epsilon: number): Value {
    const inputs = shift === undefined ? [x, scale] : [x, scale, shift];
    return this.node("LayerNormalization", inputs, x.shape, { axis: int(-1), epsilon: float(epsilon) });
  }

  /** RMSNorm in one pass over memory, by an operator that ONNX Runtime adds to the standard domain. */
  simplifiedLayerNormalization(x: Value, scale: Value, epsilon: number): Value {
    const attributes = { axis: int(-1), epsilon: float(epsilon) };
    return this.node("SimplifiedLayerNormalization", [x, scale], x.shape, attributes);
  }

  softmax = (x: Value): Value => this.node("Softmax", [x], x.shape, { axis: int(-1) }, x.type);
  logSoftmax = (x: Value): Value => this.node("LogSoftmax", [x], x.shape, { axis: int(-1) }, x.type);

  /**
   * Entries of `data` along `axis`: the result has the shape of `data`, with that axis replaced by the shape of
   * `indices`.
   */
  gather(data: Value, indices: Value, axis = 0): Value {
    const at = normalizeAxis(axis, data.shape.length);
    const shape = [...data.shape.slice(0, at), ...indices.shape, ...data.shape.slice(at + 1)];
    return this.node("Gather", [data, indices], shape, { axis: int(at) }, data.type);
  }

  /** x[..., start:end, ...] on one axis; negative bounds count from the end. Pass `length`, since shapes may be symbols. */
  slice(x: Value, axis: number, start: number, end: number, length: Dimension): Value {
    const at = normalizeAxis(axis, x.shape.length);
    const shape = x.shape.map((dimension, index) => (index === at ? length : dimension));
    const bounds = [start, end, at].map((value) => this.integers([1], [value]));
    return this.node("Slice", [x, ...bounds], shape, {}, x.type);
  }

  /**
   * Reshape. In `dimensions`, 0 copies the dimension at that place, and -1 is computed from the others; `rest`
   * names that dimension in the shape.
   */
  reshape(x: Value, dimensions: readonly number[], rest: Dimension = -1): Value {
    const shape = dimensions.map((dimension, index) => {
      if (dimension === -1) return rest;
      if (dimension !== 0) return dimension;
      const copied = x.shape[index];
      if (copied === undefined) throw new ShapeError("Reshape", x);
      return copied;
    });
    return this.node("Reshape", [x, this.integers([dimensions.length], dimensions)], shape, {}, x.type);
  }

  /** Reshape to a shape that is computed in the graph. */
  reshapeTo(x: Value, target: Value, shape: Shape): Value {
    return this.node("Reshape", [x, target], shape, {}, x.type);
  }

  transpose(x: Value, permutation: readonly number[]): Value {
    const shape = permutation.map((axis) => {
      const dimension = x.shape[axis];
      if (dimension === undefined) throw new ShapeError("Transpose", x);
      return dimension;
    });
    return this.node("Transpose", [x], shape, { perm: { kind: "ints", value: permutation } }, x.type);
  }

  /** `length` is the size of the joined dimension; it is passed because the parts may be symbols. */
  concat(parts: readonly Value[], axis: number, length: Dimension): Value {
    const first = parts[0];
    if (first === undefined) throw new RangeError("Concat: nothing to join");
    const at = normalizeAxis(axis, first.shape.length);
    const shape = first.shape.map((dimension, index) => (index === at ? length : dimension));
    return this.node("Concat", parts, shape, { axis: int(at) }, first.type);
  }

  /** Splits one axis into parts of fixed lengths. */
  split(x: Value, axis: number, lengths: readonly number[]): readonly Value[] {
    const at = normalizeAxis(axis, x.shape.length);
    const outputs = lengths.map((length) =>
      this.value(
        x.shape.map((dimension, index) => (index === at ? length : dimension)),
        x.type,
      ),
    );
    this.nodes.push({
      operator: "Split",
      domain: "",
      inputs: [x, this.integers([lengths.length], lengths)],
      outputs,
      attributes: { axis: int(at) },
    });
    return outputs;
  }

  /** Splits one axis into parts whose lengths are computed in the graph, [parts]. */
  splitBy(x: Value, axis: number, lengths: Value, shapes: readonly Shape[]): readonly Value[] {
    const outputs = shapes.map((shape) => this.value(shape, x.type));
    const attributes = { axis: int(normalizeAxis(axis, x.shape.length)) };
    this.nodes.push({ operator: "Split", domain: "", inputs: [x, lengths], outputs, attributes });
    return outputs;
  }

  /** Zeros around x: `pads` has how many before each axis, then how many behind each. */
  pad(x: Value, pads: Value, shape: Shape): Value {
    return this.node("Pad", [x, pads], shape, {}, x.type);
  }

  /** Repeats axes of length 1, and puts axes in front, up to a shape that is a tensor of the graph. */
  expand(x: Value, target: Value, shape: Shape): Value {
    return this.node("Expand", [x, target], shape, {}, x.type);
  }

  /** `data` with `updates` added at `indices` along one axis; an index may occur twice. Both have one shape. */
  scatterAdd(data: Value, indices: Value, updates: Value, axis: number): Value {
    const at = int(normalizeAxis(axis, data.shape.length));
    const attributes = { axis: at, reduction: { kind: "string", value: "add" } } as const;
    return this.node("ScatterElements", [data, indices, updates], data.shape, attributes, data.type);
  }

  /** Sums over the given axes; with `keep` they remain with length 1. */
  reduceSum = (x: Value, axes: readonly number[], keep: boolean): Value =>
    this.reduce("ReduceSum", x, axes, keep);
  reduceMean = (x: Value, axes: readonly number[], keep: boolean): Value =>
    this.reduce("ReduceMean", x, axes, keep);
  reduceMax = (x: Value, axes: readonly number[], keep: boolean): Value =>
    this.reduce("ReduceMax", x, axes, keep);

  /** The index of the largest entry on one axis; the result lacks that axis. */
  argMax(x: Value, axis: number): Value {
    const at = normalizeAxis(axis, x.shape.length);
    const shape = x.shape.filter((_, index) => index !== at);
    return this.node("ArgMax", [x], shape, { axis: int(at), keepdims: int(0) }, "int64");
  }

  /** The value's shape as a tensor [rank]. */
  shapeOf(x: Value): Value {
    return this.node("Shape", [x], [x.shape.length], {}, "int64");
  }

  /** 0, 1, … below `end`, a scalar of the graph; `length` names the new dimension. */
  range(end: Value, length: Dimension): Value {
    return this.node("Range", [this.integers([], [0]), end, this.integers([], [1])], [length], {}, "int64");
  }

  unsqueeze(x: Value, axes: readonly number[]): Value {
    const shape: Dimension[] = [...x.shape];
    for (const axis of [...axes].sort((a, b) => a - b)) shape.splice(axis, 0, 1);
    return this.node("Unsqueeze", [x, this.integers([axes.length], axes)], shape, {}, x.type);
  }

  build(): Graph {
    return {
      name: this.name,
      inputs: this.inputs,
      outputs: this.outputs,
      nodes: this.nodes,
      constants: this.constants,
      weights: [...this.weights.values()],
    };
  }

  private elementwise(operator: Operator, a: Value, b: Value): Value {
    return this.node(operator, [a, b], broadcastShapes(operator, a.shape, b.shape), {}, a.type);
  }

  private reduce(operator: Operator, x: Value, axes: readonly number[], keep: boolean): Value {
    const at = axes.map((axis) => normalizeAxis(axis, x.shape.length));
    const shape = keep
      ? x.shape.map((dimension, index) => (at.includes(index) ? 1 : dimension))
      : x.shape.filter((_, index) => !at.includes(index));
    return this.node(
      operator,
      [x, this.integers([at.length], at)],
      shape,
      { keepdims: int(keep ? 1 : 0) },
      x.type,
    );
  }

  private node(
    operator: Operator,
    inputs: readonly (Value | undefined)[],
    shape: Shape,
    attributes: Readonly<Record<string, Attribute>> = {},
    type: ElementType = "float32",
    domain = "",
  ): Value {
    const output = this.value(shape, type);
    this.nodes.push({ operator, domain, inputs, outputs: [output], attributes });
    return output;
  }

  private value(shape: Shape, type: ElementType = "float32"): Value {
    return { name: this.freeName("v"), type, shape };
  }

  private constant(
    type: "float32" | "int64",
    shape: readonly number[],
    data: Float32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>,
  ): Value {
    const key = data.length <= 8 ? `${type}[${shape.join()}]${data.join()}` : undefined;
    const known = key === undefined ? undefined : this.smallConstants.get(key);
    if (known !== undefined) return known;
    const value: Value = { name: this.freeName("c"), type, shape };
    this.constants.push({ value, data });
    if (key !== undefined) this.smallConstants.set(key, value);
    return value;
  }

  private claim(name: string): string {
    if (this.names.has(name)) throw new RangeError(`the graph has a value "${name}" already`);
    this.names.add(name);
    return name;
  }

  private freeName(stem: string): string {
    let name = stem;
    for (let count = this.names.size; this.names.has(name) || name.length <= 1; count++)
      name = `${stem}.${count}`;
    return this.claim(name);
  }
}

/** The shape of a × b, whose leading dimensions broadcast. */
function productShape(operator: Operator, a: Value, b: Value): Shape {
  const [m, k] = [a.shape.at(-2), a.shape.at(-1)];
  const [kOfB, n] = [b.shape.at(-2), b.shape.at(-1)];
  if (m === undefined || n === undefined || k !== kOfB) throw new ShapeError(operator, a, b);
  return [...broadcastShapes(operator, a.shape.slice(0, -2), b.shape.slice(0, -2)), m, n];
}

function swapLast(x: Value): Shape {
  const [m, k] = [x.shape.at(-2), x.shape.at(-1)];
  if (m === undefined || k === undefined) throw new ShapeError("FusedMatMul", x);
  return [...x.shape.slice(0, -2), k, m];
}

const heldStem = "held";

/** The names of the values that a graph holds. */
export function heldValues({ nodes }: Graph): readonly string[] {
  return nodes.flatMap(({ outputs }) =>
    outputs.map(({ name }) => name).filter((name) => name.startsWith(heldStem)),
  );
}

const int = (value: number): Attribute => ({ kind: "int", value });
const float = (value: number): Attribute => ({ kind: "float", value });
