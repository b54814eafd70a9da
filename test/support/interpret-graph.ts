/**
 * Runs a graph in float64, one operator after the other, written for being read: what ONNX Runtime computes in float32
 * and what finite differences say is held against it. Whole numbers and truth values are numbers too.
 */
import type { Graph, GraphNode, Value } from "../../src/onnx/graph.ts";
import type { Operator } from "../../src/onnx/operator.ts";

export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export const tensor = (shape: readonly number[], values: Iterable<number>): Tensor => ({
  shape,
  data: Float64Array.from(values),
});

/** @param feeds inputs, and weights that shall have other values than their own. @returns the outputs. */
export async function interpretGraph(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Readonly<Record<string, Tensor>>> {
  return interpretWith(graph, { ...(await weightTensors(graph)), ...feeds });
}

export async function weightTensors(graph: Graph): Promise<Readonly<Record<string, Tensor>>> {
  const entries = graph.weights.map(async ({ value, weight }) => {
    return [value.name, tensor(weight.shape, await weight.read())] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** The same, of a graph all of whose inputs and weights are given. */
export function interpretWith(
  graph: Graph,
  given: Readonly<Record<string, Tensor>>,
): Readonly<Record<string, Tensor>> {
  const values = new Map(Object.entries(given));
  for (const { value, data } of graph.constants)
    values.set(
      value.name,
      tensor(value.shape.map(Number), Array.from<number | bigint, number>(data, Number)),
    );
  const named = ({ name }: Value): Tensor => {
    const found = values.get(name);
    if (found === undefined) throw new TypeError(`nothing gives ${name}`);
    return found;
  };
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((input) => input && named(input));
    const results = interpretations[node.operator](new Arguments(node, inputs));
    for (const [index, output] of node.outputs.entries()) {
      const result = Array.isArray(results) ? results[index] : (results as Tensor);
      if (result === undefined) throw new TypeError(`${node.operator} lacks an output`);
      checkShape(output, result);
      values.set(output.name, result);
    }
  }
  return Object.fromEntries(graph.outputs.map((output) => [output.name, named(output)]));
}

function checkShape({ name, shape }: Value, result: Tensor): void {
  const fits =
    shape.length === result.shape.length &&
    shape.every((dimension, axis) => typeof dimension === "string" || dimension === result.shape[axis]);
  if (!fits) throw new RangeError(`${name} is declared [${shape}] and came out as [${result.shape}]`);
}

/** What an operator is applied to. */
class Arguments {
  readonly node: GraphNode;
  readonly inputs: readonly (Tensor | undefined)[];

  constructor(node: GraphNode, inputs: readonly (Tensor | undefined)[]) {
    this.node = node;
    this.inputs = inputs;
  }

  at(index: number): Tensor {
    const input = this.inputs[index];
    if (input === undefined) throw new TypeError(`${this.node.operator} lacks input ${index}`);
    return input;
  }

  list(index: number): readonly number[] {
    return [...this.at(index).data];
  }

  number(name: string, otherwise: number): number {
    const attribute = this.node.attributes[name];
    return attribute?.kind === "int" || attribute?.kind === "float" ? attribute.value : otherwise;
  }
}

type Interpretation = (given: Arguments) => Tensor | readonly Tensor[];

const unary =
  (f: (x: number) => number): Interpretation =>
  (given) => ({ shape: given.at(0).shape, data: given.at(0).data.map(f) });

const binary =
  (f: (a: number, b: number) => number): Interpretation =>
  (given) =>
    combine([given.at(0), given.at(1)], ([a = Number.NaN, b = Number.NaN]) => f(a, b));

const quantized: Interpretation = ({ node }) => {
  throw new TypeError(`${node.operator} is not interpreted`);
};

const interpretations: Readonly<Record<Operator, Interpretation>> = {
  MatMul: (given) => product(given.at(0), given.at(1)),
  Gemm: turnedProduct,
  FusedMatMul: turnedProduct,
  Add: binary((a, b) => a + b),
  Sub: binary((a, b) => a - b),
  Mul: binary((a, b) => a * b),
  Div: binary((a, b) => a / b),
  Neg: unary((x) => -x),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Sqrt: unary(Math.sqrt),
  Tanh: unary(Math.tanh),
  Sin: unary(Math.sin),
  Cos: unary(Math.cos),
  Erf: unary(erf),
  Relu: unary((x) => Math.max(x, 0)),
  Sigmoid: unary((x) => 1 / (1 + Math.exp(-x))),
  Gelu(given) {
    const { approximate } = given.node.attributes;
    return unary(approximate?.kind === "string" && approximate.value === "tanh" ? geluTanh : gelu)(given);
  },
  FastGelu: (given) =>
    combine([given.at(0), given.inputs[1] ?? tensor([], [0])], ([x = 0, bias = 0]) => geluTanh(x + bias)),
  LayerNormalization: (given) => normalize(given, true),
  SimplifiedLayerNormalization: (given) => normalize(given, false),
  Softmax: (given) => byRow(given.at(0), softmax),
  LogSoftmax: (given) =>
    byRow(given.at(0), (row) => {
      const largest = Math.max(...row);
      const total = Math.log(row.reduce((sum, x) => sum + Math.exp(x - largest), 0));
      return row.map((x) => x - largest - total);
    }),
  ReduceSum: reduceBy((values) => values.reduce((sum, value) => sum + value, 0)),
  ReduceMean: reduceBy((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
  ReduceMax: reduceBy((values) => Math.max(...values)),
  ArgMax: (given) =>
    reduce(given.at(0), [given.number("axis", 0)], false, (values) => values.indexOf(Math.max(...values))),
  LessOrEqual: binary((a, b) => Number(a <= b)),
  Equal: binary((a, b) => Number(a === b)),
  And: binary((a, b) => Number(a !== 0 && b !== 0)),
  Where: (given) =>
    combine([given.at(0), given.at(1), given.at(2)], ([condition, a = 0, b = 0]) => (condition ? a : b)),
  Cast: (given) => {
    const to = given.number("to", 1);
    const integer = (x: number): number => (to === 9 ? Number(x !== 0) : Math.trunc(x));
    return to === 1 ? given.at(0) : unary(integer)(given);
  },
  Identity: (given) => given.at(0),
  Gather,
  ScatterElements,
  Slice,
  Pad,
  Split,
  Concat,
  Reshape(given) {
    const x = given.at(0);
    const asked = given.list(1).map((size, axis) => (size === 0 ? (x.shape[axis] ?? 0) : size));
    const known = asked.reduce((count, size) => (size === -1 ? count : count * size), 1);
    return { shape: asked.map((size) => (size === -1 ? x.data.length / known : size)), data: x.data };
  },
  Transpose(given) {
    const { perm } = given.node.attributes;
    if (perm?.kind !== "ints") throw new TypeError("Transpose without a permutation");
    const x = given.at(0);
    const shape = perm.value.map((axis) => x.shape[axis] ?? 0);
    const steps = stepsOf(x.shape);
    return make(shape, (index) => {
      const from = perm.value.reduce((sum, axis, at) => sum + (steps[axis] ?? 0) * (index[at] ?? 0), 0);
      return x.data[from] ?? Number.NaN;
    });
  },
  Unsqueeze(given) {
    const shape = [...given.at(0).shape];
    for (const axis of [...given.list(1)].sort((a, b) => a - b)) shape.splice(axis, 0, 1);
    return { shape, data: given.at(0).data };
  },
  Expand(given) {
    const ones = make(given.list(1), () => 0);
    return combine([given.at(0), ones], ([x = Number.NaN]) => x);
  },
  Shape: (given) => tensor([given.at(0).shape.length], given.at(0).shape),
  Range(given) {
    const [[start = 0], [end = 0], [step = 1]] = [given.list(0), given.list(1), given.list(2)];
    const count = Math.ceil((end - start) / step);
    return tensor(
      [count],
      Array.from({ length: count }, (_, index) => start + index * step),
    );
  },
  DequantizeLinear: quantized,
  DynamicQuantizeLinear: quantized,
  MatMulInteger: quantized,
};

function Gather(given: Arguments): Tensor {
  const [data, indices] = [given.at(0), given.at(1)];
  const axis = fromStart(given.number("axis", 0), data.shape.length);
  const shape = [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)];
  const steps = stepsOf(data.shape);
  const indexSteps = stepsOf(indices.shape);
  return make(shape, (index) => {
    const own = index.slice(axis, axis + indices.shape.length);
    const entry = indices.data[own.reduce((sum, at, place) => sum + at * (indexSteps[place] ?? 0), 0)] ?? 0;
    const row = entry < 0 ? entry + (data.shape[axis] ?? 0) : entry;
    const from = [...index.slice(0, axis), row, ...index.slice(axis + indices.shape.length)];
    return data.data[from.reduce((sum, at, place) => sum + at * (steps[place] ?? 0), 0)] ?? Number.NaN;
  });
}

function ScatterElements(given: Arguments): Tensor {
  const [data, indices, updates] = [given.at(0), given.at(1), given.at(2)];
  const axis = fromStart(given.number("axis", 0), data.shape.length);
  const steps = stepsOf(data.shape);
  const sums = data.data.slice();
  eachIndex(updates.shape, (index, at) => {
    const entry = indices.data[at] ?? 0;
    const row = entry < 0 ? entry + (data.shape[axis] ?? 0) : entry;
    const to = index.reduce((sum, place, of) => sum + (of === axis ? row : place) * (steps[of] ?? 0), 0);
    sums[to] = (sums[to] ?? 0) + (updates.data[at] ?? 0);
  });
  return { shape: data.shape, data: sums };
}

function Slice(given: Arguments): Tensor {
  const x = given.at(0);
  const [[start = 0], [end = 0], [axis = 0]] = [given.list(1), given.list(2), given.list(3)];
  const length = x.shape[axis] ?? 0;
  const within = (bound: number) => Math.min(length, Math.max(0, bound < 0 ? bound + length : bound));
  return cut(x, axis, within(start), Math.max(0, within(end) - within(start)));
}

function Pad(given: Arguments): Tensor {
  const x = given.at(0);
  const pads = given.list(1);
  const rank = x.shape.length;
  const shape = x.shape.map((size, axis) => size + (pads[axis] ?? 0) + (pads[axis + rank] ?? 0));
  const steps = stepsOf(x.shape);
  return make(shape, (index) => {
    const from = index.map((at, axis) => at - (pads[axis] ?? 0));
    const isInside = from.every((at, axis) => at >= 0 && at < (x.shape[axis] ?? 0));
    return isInside ? (x.data[from.reduce((sum, at, axis) => sum + at * (steps[axis] ?? 0), 0)] ?? 0) : 0;
  });
}

function Split(given: Arguments): readonly Tensor[] {
  const x = given.at(0);
  const axis = fromStart(given.number("axis", 0), x.shape.length);
  let start = 0;
  return given.list(1).map((length) => {
    const part = cut(x, axis, start, length);
    start += length;
    return part;
  });
}

function Concat(given: Arguments): Tensor {
  const parts = given.inputs.map((_, index) => given.at(index));
  const [first] = parts;
  if (first === undefined) throw new TypeError("Concat of nothing");
  const axis = fromStart(given.number("axis", 0), first.shape.length);
  const total = parts.reduce((sum, { shape }) => sum + (shape[axis] ?? 0), 0);
  const shape = first.shape.map((size, at) => (at === axis ? total : size));
  return make(shape, (index) => {
    let at = index[axis] ?? 0;
    for (const part of parts) {
      const length = part.shape[axis] ?? 0;
      if (at < length) {
        const steps = stepsOf(part.shape);
        const from = index.reduce((sum, place, of) => sum + (of === axis ? at : place) * (steps[of] ?? 0), 0);
        return part.data[from] ?? Number.NaN;
      }
      at -= length;
    }
    return Number.NaN;
  });
}

function cut(x: Tensor, axis: number, start: number, length: number): Tensor {
  const steps = stepsOf(x.shape);
  const shape = x.shape.map((size, at) => (at === axis ? length : size));
  return make(shape, (index) => {
    const from = index.reduce((sum, at, of) => sum + (of === axis ? at + start : at) * (steps[of] ?? 0), 0);
    return x.data[from] ?? Number.NaN;
  });
}

function turnedProduct(given: Arguments): Tensor {
  const [a, b] = [given.at(0), given.at(1)];
  return product(
    given.number("transA", 0) === 1 ? swapLast(a) : a,
    given.number("transB", 0) === 1 ? swapLast(b) : b,
  );
}

function swapLast(x: Tensor): Tensor {
  const [rows = 0, columns = 0] = x.shape.slice(-2);
  const data = new Float64Array(x.data.length);
  for (const [at, value] of x.data.entries()) {
    const [matrix, place] = [Math.floor(at / (rows * columns)), at % (rows * columns)];
    data[matrix * rows * columns + (place % columns) * rows + Math.floor(place / columns)] = value;
  }
  return { shape: [...x.shape.slice(0, -2), columns, rows], data };
}

function product(a: Tensor, b: Tensor): Tensor {
  const [m = 0, k = 0] = a.shape.slice(-2);
  const [kOfB = 0, n = 0] = b.shape.slice(-2);
  if (k !== kOfB) throw new RangeError(`[${a.shape}] × [${b.shape}]`);
  const batch = broadcast([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  const data = new Float64Array(batch.reduce((count, size) => count * size, m * n));
  const steps = [a, b].map(({ shape }) => broadcastSteps(shape.slice(0, -2), batch));
  eachIndex(batch, (index, matrix) => {
    const [matrixOfA = 0, matrixOfB = 0] = steps.map((own) =>
      index.reduce((sum, at, axis) => sum + at * (own[axis] ?? 0), 0),
    );
    const [ofA, ofB, of] = [matrixOfA * m * k, matrixOfB * k * n, matrix * m * n];
    for (let row = 0; row < m; row++) {
      for (let inner = 0; inner < k; inner++) {
        const left = a.data[ofA + row * k + inner] as number;
        for (let column = 0; column < n; column++) {
          const at = of + row * n + column;
          data[at] = (data[at] as number) + left * (b.data[ofB + inner * n + column] as number);
        }
      }
    }
  });
  return { shape: [...batch, m, n], data };
}

function normalize(given: Arguments, isCentred: boolean): Tensor {
  const [x, scale, shift] = [given.at(0), given.at(1), given.inputs[2]];
  const epsilon = given.number("epsilon", 1e-5);
  return byRow(x, (row) => {
    const mean = isCentred ? row.reduce((sum, value) => sum + value, 0) / row.length : 0;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
    return row.map(
      (value, at) =>
        ((value - mean) / Math.sqrt(variance + epsilon)) * (scale.data[at] ?? 0) + (shift?.data[at] ?? 0),
    );
  });
}

function softmax(row: readonly number[]): readonly number[] {
  const largest = Math.max(...row);
  const parts = row.map((x) => Math.exp(x - largest));
  const total = parts.reduce((sum, x) => sum + x, 0);
  return parts.map((x) => x / total);
}

function byRow({ shape, data }: Tensor, f: (row: readonly number[]) => readonly number[]): Tensor {
  const width = shape.at(-1) ?? 1;
  const result = new Float64Array(data.length);
  for (let start = 0; start < data.length; start += width)
    result.set(f([...data.subarray(start, start + width)]), start);
  return { shape, data: result };
}

type Fold = (values: readonly number[]) => number;

function reduceBy(fold: Fold): Interpretation {
  return (given) => reduce(given.at(0), given.list(1), given.number("keepdims", 1) === 1, fold);
}

function reduce(x: Tensor, axes: readonly number[], keep: boolean, fold: Fold): Tensor {
  const gone = new Set(axes.map((axis) => fromStart(axis, x.shape.length)));
  const kept = x.shape.map((size, axis) => (gone.has(axis) ? 1 : size));
  const steps = stepsOf(kept);
  const groups = Array.from({ length: kept.reduce((count, size) => count * size, 1) }, (): number[] => []);
  eachIndex(x.shape, (index, at) => {
    const to = index.reduce((sum, place, axis) => sum + (gone.has(axis) ? 0 : place * (steps[axis] ?? 0)), 0);
    groups[to]?.push(x.data[at] as number);
  });
  return tensor(keep ? kept : x.shape.filter((_, axis) => !gone.has(axis)), groups.map(fold));
}

function combine(parts: readonly Tensor[], f: (values: readonly number[]) => number): Tensor {
  const shape = broadcast(parts.map((part) => part.shape));
  const steps = parts.map((part) => broadcastSteps(part.shape, shape));
  return make(shape, (index) =>
    f(
      parts.map(({ data }, part) => {
        const own = steps[part] ?? [];
        return data[index.reduce((sum, at, axis) => sum + at * (own[axis] ?? 0), 0)] ?? Number.NaN;
      }),
    ),
  );
}

function broadcast(shapes: readonly (readonly number[])[]): readonly number[] {
  const rank = Math.max(...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[shape.length - rank + axis] ?? 1).filter((size) => size !== 1);
    const [size = 1] = sizes;
    if (sizes.some((other) => other !== size))
      throw new RangeError(`${shapes.join(" and ")} don't broadcast`);
    return size;
  });
}

/** How far apart a tensor's neighbours on each axis of a broadcast shape lie; 0 where it is repeated. */
function broadcastSteps(shape: readonly number[], whole: readonly number[]): readonly number[] {
  const steps = stepsOf(shape);
  const added = whole.length - shape.length;
  return whole.map((_, axis) => (shape[axis - added] === 1 ? 0 : (steps[axis - added] ?? 0)));
}

function stepsOf(shape: readonly number[]): readonly number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((count, size) => count * size, 1));
}

function make(shape: readonly number[], f: (index: readonly number[]) => number): Tensor {
  const data = new Float64Array(shape.reduce((count, size) => count * size, 1));
  eachIndex(shape, (index, at) => {
    data[at] = f(index);
  });
  return { shape, data };
}

/** Row-major. `index` is the same array at every call. */
function eachIndex(shape: readonly number[], visit: (index: readonly number[], at: number) => void): void {
  const count = shape.reduce((product_, size) => product_ * size, 1);
  const index = shape.map(() => 0);
  for (let at = 0; at < count; at++) {
    visit(index, at);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      if (next < (shape[axis] ?? 0)) {
        index[axis] = next;
        break;
      }
      index[axis] = 0;
    }
  }
}

function fromStart(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

function gelu(x: number): number {
  return 0.5 * x * (1 + erf(x * Math.SQRT1_2));
}

/** By its power series, and far out by the continued fraction of 1 − erf. */
function erf(x: number): number {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 2.5) {
    let [term, sum] = [x, x];
    for (let n = 1; n < 80; n++) {
      term *= -(x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 80; n > 0; n--) fraction = n / 2 / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (size + fraction));
}
