import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkGradient, type Sizes, unlikeEach } from "../../test/support/check-gradient.ts";
import { interpretGraph, tensor } from "../../test/support/interpret-graph.ts";
import { floats, runGraph } from "../../test/support/run-graph.ts";
import { constantWeight } from "../transformer/weight.ts";
import { GradientError, gradientGraph } from "./gradient.ts";
import type { Dimension, Graph, Shape, Value } from "./graph.ts";
import { GraphBuilder } from "./graph-builder.ts";
import type { Operator } from "./operator.ts";
import { operators } from "./operators.ts";

/** A graph of one operator, whose float inputs are all differentiated. */
interface Case {
  readonly shapes: readonly Shape[];
  readonly make: (graph: GraphBuilder, ...inputs: readonly Value[]) => Value;
  /** Inputs of which only positive values are drawn. */
  readonly positive?: readonly number[];
}

const sizesDraw: fc.Arbitrary<Sizes> = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  sequence: fc.integer({ min: 1, max: 3 }),
});
const dimension: fc.Arbitrary<Dimension> = fc.constantFrom<Dimension>("batch", "sequence", 1, 2, 3);
const shape = (minLength: number, maxLength = 4): fc.Arbitrary<Shape> =>
  fc.array(dimension, { minLength, maxLength });

/** Shapes that broadcast to one: some axes in front are missing, some have length 1. */
const broadcasting = (count: number): fc.Arbitrary<readonly Shape[]> =>
  shape(0).chain((whole) =>
    fc
      .array(fc.tuple(fc.nat(whole.length), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 })), {
        minLength: count - 1,
        maxLength: count - 1,
      })
      .map((drawn) => [
        whole,
        ...drawn.map(([missing, repeated]) =>
          whole.slice(missing).map((size, axis) => (repeated[axis] === true ? 1 : size)),
        ),
      ])
      .chain((shapes) => fc.shuffledSubarray(shapes, { minLength: count })),
  );

const unary = (make: (graph: GraphBuilder, x: Value) => Value, minRank = 0, positive = false) =>
  shape(minRank).map(
    (own): Case => ({
      shapes: [own],
      make: (graph, x) => make(graph, x as Value),
      ...(positive && { positive: [0] }),
    }),
  );

const binary = (make: (graph: GraphBuilder, a: Value, b: Value) => Value, positive?: readonly number[]) =>
  broadcasting(2).map(
    (shapes): Case => ({
      shapes,
      make: (graph, a, b) => make(graph, a as Value, b as Value),
      ...(positive && { positive }),
    }),
  );

const axesOf = (rank: number) => fc.subarray([...Array(rank).keys()], { minLength: 1 });

const reduced = (make: (graph: GraphBuilder, x: Value, axes: readonly number[], keep: boolean) => Value) =>
  shape(1).chain((own) =>
    fc
      .tuple(axesOf(own.length), fc.boolean())
      .map(
        ([axes, keep]): Case => ({ shapes: [own], make: (graph, x) => make(graph, x as Value, axes, keep) }),
      ),
  );

const matrices = (transposed: { a?: boolean; b?: boolean }, make: Case["make"]) =>
  fc
    .tuple(broadcasting(2), fc.tuple(dimension, dimension, dimension), fc.boolean())
    .map(([[ofA = [], ofB = []], [m, k, n], isShared]): Case => {
      const turned = (isTurned: boolean | undefined, rows: Dimension, columns: Dimension): Shape =>
        isTurned ? [columns, rows] : [rows, columns];
      return {
        shapes: [
          [...ofA, ...turned(transposed.a, m, k)],
          [...(isShared ? [] : ofB), ...turned(transposed.b, k, n)],
        ],
        make,
      };
    });

const normed = (
  make: (graph: GraphBuilder, x: Value, scale: Value, shift: Value) => Value,
  hasShift: boolean,
) =>
  fc.tuple(shape(0, 3), fc.constantFrom(2, 3)).map(
    ([rows, width]): Case => ({
      shapes: [[...rows, width], [width], ...(hasShift ? [[width]] : [])],
      make: (graph, x, scale, shift) => make(graph, x as Value, scale as Value, shift as Value),
    }),
  );

type Differentiable = Exclude<
  Operator,
  | ("ArgMax" | "LessOrEqual" | "Equal" | "And" | "ScatterElements" | "Pad" | "Shape" | "Range")
  | ("DequantizeLinear" | "DynamicQuantizeLinear" | "MatMulInteger")
>;

const cases: Readonly<Record<Differentiable, fc.Arbitrary<Case>>> = {
  MatMul: matrices({}, (graph, a, b) => graph.matMul(a as Value, b as Value)),
  Gemm: fc.tuple(dimension, dimension, dimension).map(
    ([m, k, n]): Case => ({
      shapes: [
        [m, k],
        [n, k],
      ],
      make: (graph, a, b) => graph.matMulTransposed(a as Value, b as Value),
    }),
  ),
  FusedMatMul: fc
    .record({ a: fc.boolean(), b: fc.boolean() })
    .chain((turned) => matrices(turned, (graph, a, b) => graph.fusedMatMul(a as Value, b as Value, turned))),
  Add: binary((graph, a, b) => graph.add(a, b)),
  Sub: binary((graph, a, b) => graph.sub(a, b)),
  Mul: binary((graph, a, b) => graph.mul(a, b)),
  Div: binary((graph, a, b) => graph.div(a, b), [1]),
  Neg: unary((graph, x) => graph.neg(x)),
  Exp: unary((graph, x) => graph.exp(x)),
  Log: unary((graph, x) => graph.log(x), 0, true),
  Sqrt: unary((graph, x) => graph.sqrt(x), 0, true),
  Tanh: unary((graph, x) => graph.tanh(x)),
  Sin: unary((graph, x) => graph.sin(x)),
  Cos: unary((graph, x) => graph.cos(x)),
  Erf: unary((graph, x) => graph.erf(x)),
  Relu: unary((graph, x) => graph.relu(x)),
  Sigmoid: unary((graph, x) => graph.sigmoid(x)),
  Gelu: fc
    .constantFrom("none", "tanh")
    .chain((approximate) => unary((graph, x) => graph.gelu(x, approximate as "none" | "tanh"))),
  FastGelu: shape(1).map(
    (own): Case => ({
      shapes: [[...own, 3], [3]],
      make: (graph, x, bias) => graph.fastGelu(x as Value, bias as Value),
    }),
  ),
  LayerNormalization: fc
    .boolean()
    .chain((hasShift) =>
      normed(
        (graph, x, scale, shift) => graph.layerNormalization(x, scale, hasShift ? shift : undefined, 0.1),
        hasShift,
      ),
    ),
  SimplifiedLayerNormalization: normed(
    (graph, x, scale) => graph.simplifiedLayerNormalization(x, scale, 0.1),
    false,
  ),
  Softmax: unary((graph, x) => graph.softmax(x), 1),
  LogSoftmax: unary((graph, x) => graph.logSoftmax(x), 1),
  ReduceSum: reduced((graph, x, axes, keep) => graph.reduceSum(x, axes, keep)),
  ReduceMean: reduced((graph, x, axes, keep) => graph.reduceMean(x, axes, keep)),
  ReduceMax: reduced((graph, x, axes, keep) => graph.reduceMax(x, axes, keep)),
  Where: broadcasting(3).map(
    ([ofCondition = [], ...shapes]): Case => ({
      shapes: [...shapes, ofCondition],
      make: (graph, a, b, chooser) =>
        graph.where(graph.lessOrEqual(chooser as Value, graph.floats([], [0.01])), a as Value, b as Value),
    }),
  ),
  Cast: unary((graph, x) => graph.cast(x, "float32")),
  Identity: unary((_, x) => x),
  Gather: fc.tuple(shape(0, 2), fc.constantFrom(2, 3), shape(0, 2)).chain(([before, length, behind]) =>
    fc
      .tuple(
        fc.array(fc.integer({ min: -length, max: length - 1 }), { minLength: 1, maxLength: 4 }),
        fc.constantFrom("constant", "scalar", "computed", "two axes"),
      )
      .map(([indices, kind]): Case => {
        const at = before.length;
        return {
          shapes: [[...before, length, ...behind]],
          make(graph, x) {
            const list = graph.integers([indices.length], indices);
            const zero = graph.integers([1], [0]);
            const of = {
              constant: list,
              scalar: graph.integers([], indices.slice(0, 1)),
              computed: graph.add(list, zero),
              "two axes": graph.unsqueeze(list, [1]),
            };
            return graph.gather(x as Value, of[kind as keyof typeof of], at);
          },
        };
      }),
  ),
  Slice: fc
    .tuple(shape(0, 2), fc.constantFrom<Dimension>("batch", 3), shape(0, 1))
    .chain(([before, length, behind]) =>
      fc.constantFrom([0, 1], [-1, Number.MAX_SAFE_INTEGER]).map(
        ([start = 0, end = 0]): Case => ({
          shapes: [[...before, length, ...behind]],
          make: (graph, x) => graph.slice(x as Value, before.length, start, end, 1),
        }),
      ),
    ),
  Split: fc
    .tuple(
      shape(0, 2),
      fc.array(fc.constantFrom(1, 2), { minLength: 1, maxLength: 3 }),
      shape(0, 1),
      fc.nat(),
    )
    .map(
      ([before, lengths, behind, read]): Case => ({
        shapes: [[...before, lengths.reduce((sum, length) => sum + length, 0), ...behind]],
        make: (graph, x) => graph.split(x as Value, before.length, lengths)[read % lengths.length] as Value,
      }),
    ),
  Concat: fc.tuple(shape(0, 2), fc.array(dimension, { minLength: 1, maxLength: 3 }), shape(0, 1)).map(
    ([before, lengths, behind]): Case => ({
      shapes: lengths.map((length) => [...before, length, ...behind]),
      make: (graph, ...parts) =>
        graph.concat(
          parts,
          before.length,
          lengths.every(Number.isInteger) ? sum(lengths) : lengths.join("+"),
        ),
    }),
  ),
  Reshape: fc.constantFrom<Case>(
    {
      shapes: [["batch", "sequence", 6]],
      make: (graph, x) => graph.reshape(x as Value, [0, 0, 2, 3]),
    },
    {
      shapes: [["batch", "sequence", 2, 3]],
      make: (graph, x) => graph.reshape(x as Value, [-1, 6], "batch*sequence"),
    },
    { shapes: [[2, 3]], make: (graph, x) => graph.reshape(x as Value, [3, 2]) },
    {
      shapes: [["batch", 2, "sequence", 3]],
      make: (graph, x) =>
        graph.reshapeTo(
          x as Value,
          graph.concat([graph.slice(graph.shapeOf(x as Value), 0, 0, 1, 1), graph.integers([1], [-1])], 0, 2),
          ["batch", "rest"],
        ),
    },
  ),
  Transpose: shape(1).chain((own) =>
    fc.shuffledSubarray([...own.keys()], { minLength: own.length }).map(
      (permutation): Case => ({
        shapes: [own],
        make: (graph, x) => graph.transpose(x as Value, permutation),
      }),
    ),
  ),
  Unsqueeze: shape(0, 2).chain((own) =>
    fc
      .subarray([...Array(own.length + 2).keys()], { minLength: 2, maxLength: 2 })
      .map((axes): Case => ({ shapes: [own], make: (graph, x) => graph.unsqueeze(x as Value, axes) })),
  ),
  Expand: broadcasting(2).map(
    ([small = [], whole = []]): Case => ({
      shapes: [small, whole],
      make: (graph, x, other) => {
        const both = graph.add(x as Value, other as Value);
        return graph.expand(x as Value, graph.shapeOf(both), both.shape);
      },
    }),
  ),
};

function sum(lengths: readonly Dimension[]): number {
  return lengths.reduce<number>((total, length) => total + Number(length), 0);
}

function graphOf({ shapes, make }: Case): Graph {
  const graph = new GraphBuilder("one operator");
  const inputs = shapes.map((own, index) => graph.input(`x${index}`, "float32", own));
  graph.output("y", make(graph, ...inputs));
  return graph.build();
}

describe("each operator's gradient is what finite differences give, and what ONNX Runtime computes", () => {
  test.each(Object.keys(cases) as readonly Differentiable[])("%s", async (operator) => {
    await fc.assert(
      fc.asyncProperty(cases[operator], sizesDraw, fc.nat(), async (own, sizes, seed) => {
        const graph = graphOf(own);
        expect(graph.nodes.map((node) => node.operator)).toContain(operator);
        await checkGradient(graph, {
          of: "y",
          wrt: graph.inputs.map(({ name }) => name),
          ...{ sizes, seed },
          valuesOf: (name, random) =>
            own.positive?.includes(Number(name.slice(1))) ? 0.3 + 1.7 * random() : unlikeEach(random),
        });
      }),
      { numRuns: 25 },
    );
  });

  test("every operator that is said to have one", () => {
    const differentiable = Object.entries(operators).filter(
      ([, { gradient }]) => typeof gradient !== "string",
    );
    expect(Object.keys(cases).sort()).toEqual(differentiable.map(([operator]) => operator).sort());
  });
});

describe("a gradient graph", () => {
  const inputs = (graph: GraphBuilder) => ({
    x: graph.input("x", "float32", ["batch", 2]),
    w: graph.weight(constantWeight("scale", [2], Float32Array.of(3, 5))),
  });

  test("has the old inputs, the upstream vector, the outputs that are kept, and a gradient for each source", async () => {
    const graph = new GraphBuilder("product");
    const { x, w } = inputs(graph);
    graph.output("y", graph.mul(x, w));
    graph.output("other", graph.exp(x));
    const gradient = gradientGraph(graph.build(), { of: "y", wrt: ["x", "scale"], keep: ["y"] });
    expect(gradient.inputs.map(({ name }) => name)).toEqual(["x", "gradient.y"]);
    expect(gradient.outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ["y", ["batch", 2]],
      ["gradient.x", ["batch", 2]],
      ["gradient.scale", [2]],
    ]);
    expect(gradient.nodes.map(({ operator }) => operator)).not.toContain("Exp");
    // Two rows: y = (3a, 5b); upstream (1, 10), (100, 1000).
    const feeds = { x: floats([2, 2], [1, 2, 4, 8]), "gradient.y": floats([2, 2], [1, 10, 100, 1000]) };
    const outputs = await runGraph(gradient, feeds);
    expect(outputs["y"]?.values).toEqual([3, 10, 12, 40]);
    expect(outputs["gradient.x"]?.values).toEqual([3, 50, 300, 5000]);
    expect(outputs["gradient.scale"]).toEqual({ shape: [2], values: [401, 8020] });
  });

  test("is zero where the output does not depend on the source, or only through what is held", async () => {
    const graph = new GraphBuilder("held");
    const { x, w } = inputs(graph);
    const unused = graph.input("unused", "float32", ["batch", 1]);
    const secant = graph.sigmoid(x);
    graph.output("y", graph.mul(graph.mul(x, secant), w));
    const built = graph.build();
    const gradient = gradientGraph(built, { of: "y", wrt: ["x", "unused"], held: [secant.name] });
    const feeds = {
      x: tensor([1, 2], [0, 1]),
      [unused.name]: tensor([1, 1], [7]),
      "gradient.y": tensor([1, 2], [1, 1]),
    };
    const outputs = await interpretGraph(gradient, feeds);
    expect([...(outputs["gradient.x"]?.data ?? [])]).toEqual([1.5, 5 / (1 + Math.exp(-1))]);
    expect(outputs["gradient.unused"]).toEqual(tensor([1, 1], [0]));
  });

  test("gradients of readers add up", async () => {
    const graph = new GraphBuilder("readers");
    const { x, w } = inputs(graph);
    graph.output("y", graph.add(graph.mul(x, x), graph.mul(x, w)));
    const gradient = gradientGraph(graph.build(), { of: "y", wrt: ["x"] });
    const outputs = await interpretGraph(gradient, {
      x: tensor([1, 2], [7, 11]),
      "gradient.y": tensor([1, 2], [1, 2]),
    });
    expect([...(outputs["gradient.x"]?.data ?? [])]).toEqual([2 * 7 + 3, 2 * (2 * 11 + 5)]);
  });

  test("an upstream vector that is not finite gives gradients that are not", async () => {
    const graph = new GraphBuilder("product");
    const { x, w } = inputs(graph);
    graph.output("y", graph.mul(x, w));
    const gradient = gradientGraph(graph.build(), { of: "y", wrt: ["x", "scale"] });
    const outputs = await runGraph(gradient, {
      x: floats([1, 2], [1, 2]),
      "gradient.y": floats([1, 2], [Number.NaN, 1]),
    });
    expect(outputs["gradient.x"]?.values).toEqual([Number.NaN, 5]);
    expect(outputs["gradient.scale"]?.values).toEqual([Number.NaN, 2]);
  });

  test("names the operator without a gradient, but not one that the output does not depend on", () => {
    const graph = new GraphBuilder("steps");
    const { x, w } = inputs(graph);
    graph.output("y", graph.mul(graph.cast(graph.argMax(x, 1), "float32"), graph.floats([], [2])));
    graph.output("z", graph.gather(w, graph.argMax(x, 1)));
    const built = graph.build();
    expect(() => gradientGraph(built, { of: "y", wrt: ["x"] })).toThrow(
      /^"steps" can't be differentiated: ArgMax, which makes v\.\d+, has no gradient\.$/,
    );
    expect(() => gradientGraph(built, { of: "z", wrt: ["scale"] })).not.toThrow();
  });

  test("refuses what the graph does not have, and what is no float", () => {
    const graph = new GraphBuilder("product");
    const ids = graph.input("ids", "int64", [2]);
    const { w } = inputs(graph);
    graph.output("y", graph.gather(w, ids));
    graph.output("places", ids);
    const built = graph.build();
    expect(() => gradientGraph(built, { of: "no", wrt: [] })).toThrow('"no" is not an output of "product".');
    expect(() => gradientGraph(built, { of: "y", wrt: ["v"] })).toThrow('"v" is not an input or a weight');
    expect(() => gradientGraph(built, { of: "y", wrt: [], keep: ["w"] })).toThrow(GradientError);
    expect(() => gradientGraph(built, { of: "y", wrt: ["ids"] })).toThrow('"ids" is int64; only float32');
    expect(() => gradientGraph(built, { of: "places", wrt: ["scale"] })).toThrow('"places" is int64');
  });
});
