import { describe, expect, test } from "vitest";
import { floats, integers, runGraph } from "../../test/support/run-graph.ts";
import { constantWeight } from "../transformer/weight.ts";
import type { ElementType, Shape, Value } from "./graph.ts";
import { GraphBuilder } from "./graph-builder.ts";
import { broadcastShapes, normalizeAxis, ShapeError } from "./shape.ts";

const graph = () => new GraphBuilder("test");

describe("shapes", () => {
  const shaped = (builder: GraphBuilder, shape: Shape, type: ElementType = "float32"): Value =>
    builder.input(`x${Math.random()}`, type, shape);

  test.each<[Shape, Shape, Shape]>([
    [
      [2, 3],
      [2, 3],
      [2, 3],
    ],
    [[2, 3], [3], [2, 3]],
    [[3], [2, 3], [2, 3]],
    [
      [2, 1],
      [1, 3],
      [2, 3],
    ],
    [
      ["batch", 1, 4],
      ["sequence", 1],
      ["batch", "sequence", 4],
    ],
    [[], ["batch", 2], ["batch", 2]],
  ])("%j and %j broadcast to %j", (a, b, expected) => {
    expect(broadcastShapes("Add", a, b)).toEqual(expected);
  });

  test.each<[Shape, Shape]>([
    [[2], [3]],
    [["batch"], ["sequence"]],
    [
      ["batch", 3],
      [2, 3],
    ],
  ])("%j and %j don't broadcast", (a, b) => {
    expect(() => broadcastShapes("Add", a, b)).toThrow(ShapeError);
    const builder = graph();
    expect(() => builder.add(shaped(builder, a), shaped(builder, b))).toThrow(/^Add: /);
  });

  test("axes count from either end", () => {
    expect([normalizeAxis(0, 3), normalizeAxis(-1, 3), normalizeAxis(2, 3)]).toEqual([0, 2, 2]);
    expect(() => normalizeAxis(3, 3)).toThrow(RangeError);
    expect(() => normalizeAxis(-4, 3)).toThrow(RangeError);
  });

  test("matrix products", () => {
    const builder = graph();
    const of = (a: Shape, b: Shape) => builder.matMul(shaped(builder, a), shaped(builder, b)).shape;
    expect(of([2, 3], [3, 4])).toEqual([2, 4]);
    expect(of(["batch", "sequence", 3], [3, 4])).toEqual(["batch", "sequence", 4]);
    expect(of(["batch", 5, 2, 3], ["batch", 5, 3, 2])).toEqual(["batch", 5, 2, 2]);
    expect(() => of([2, 3], [4, 5])).toThrow(ShapeError);
    expect(() => of(["batch", 2, 3], ["other", 3, 4])).toThrow(ShapeError);
    expect(() => of([3], [3, 4])).toThrow(ShapeError);
    const transposed = (a: Shape, b: Shape) =>
      builder.matMulTransposed(shaped(builder, a), shaped(builder, b)).shape;
    expect(transposed(["batch", 3], [7, 3])).toEqual(["batch", 7]);
    expect(() => transposed(["batch", 3], [3, 7])).toThrow(/^Gemm: /);
    expect(() => transposed(["batch", 2, 3], [7, 3])).toThrow(ShapeError);
  });

  test("operators that move things", () => {
    const builder = graph();
    const x = shaped(builder, ["batch", 4, 6]);
    expect(builder.transpose(x, [2, 0, 1]).shape).toEqual([6, "batch", 4]);
    expect(() => builder.transpose(x, [0, 3])).toThrow(ShapeError);
    expect(builder.reshape(x, [0, 0, 2, 3]).shape).toEqual(["batch", 4, 2, 3]);
    expect(builder.reshape(x, [-1, 6], "rows").shape).toEqual(["rows", 6]);
    expect(() => builder.reshape(x, [0, 0, 0, 0])).toThrow(ShapeError);
    expect(builder.slice(x, -1, 1, 3, 2).shape).toEqual(["batch", 4, 2]);
    expect(builder.split(x, 1, [1, 3]).map(({ shape }) => shape)).toEqual([
      ["batch", 1, 6],
      ["batch", 3, 6],
    ]);
    expect(builder.concat([x, x], 1, 8).shape).toEqual(["batch", 8, 6]);
    expect(() => builder.concat([], 0, 0)).toThrow(RangeError);
    expect(builder.unsqueeze(x, [0, 2]).shape).toEqual([1, "batch", 1, 4, 6]);
    const ids = shaped(builder, ["batch", "sequence"], "int64");
    const table = shaped(builder, [10, 6]);
    expect(builder.gather(table, ids).shape).toEqual(["batch", "sequence", 6]);
    expect(builder.gather(x, shaped(builder, [], "int64"), 1).shape).toEqual(["batch", 6]);
    expect(builder.shapeOf(x)).toMatchObject({ type: "int64", shape: [3] });
  });

  test("operators that reduce", () => {
    const builder = graph();
    const x = shaped(builder, ["batch", 4, 6]);
    expect(builder.reduceSum(x, [-1], true).shape).toEqual(["batch", 4, 1]);
    expect(builder.reduceMean(x, [0, 2], false).shape).toEqual([4]);
    expect(builder.argMax(x, -1)).toMatchObject({ type: "int64", shape: ["batch", 4] });
    expect(() => builder.reduceSum(x, [3], true)).toThrow(RangeError);
  });

  test("types", () => {
    const builder = graph();
    const [a, b] = [shaped(builder, ["batch"], "int64"), shaped(builder, [1], "int64")];
    expect(builder.add(a, b).type).toBe("int64");
    expect(builder.lessOrEqual(a, b)).toMatchObject({ type: "bool", shape: ["batch"] });
    expect(builder.cast(a, "float32")).toMatchObject({ type: "float32", shape: ["batch"] });
    const chosen = builder.where(
      builder.equal(a, b),
      builder.floats([], [1]),
      builder.floats([2, 1], [2, 3]),
    );
    expect(chosen).toMatchObject({ type: "float32", shape: [2, "batch"] });
  });
});

describe("names", () => {
  test("a weight twice is one initializer, two of one name are two", () => {
    const builder = graph();
    const weight = constantWeight("w", [1], new Float32Array(1));
    const twin = constantWeight("w", [1], new Float32Array(1));
    expect(builder.weight(weight)).toBe(builder.weight(weight));
    expect(builder.weight(twin).name).not.toBe(builder.weight(weight).name);
    expect(builder.build().weights).toHaveLength(2);
  });

  test("inputs and outputs have names of their own", () => {
    const builder = graph();
    const x = builder.input("x", "float32", [1]);
    expect(() => builder.input("x", "float32", [1])).toThrow(/"x"/);
    expect(() => builder.output("x", x)).toThrow(/"x"/);
  });

  test("no two values of a graph share a name", () => {
    const builder = graph();
    let x = builder.input("v", "float32", [2]);
    for (let step = 0; step < 30; step++) x = builder.add(x, builder.floats([1], [step]));
    builder.output("y", x);
    const { nodes, constants, inputs } = builder.build();
    const names = [
      ...inputs.map(({ name }) => name),
      ...constants.map(({ value }) => value.name),
      ...nodes.flatMap(({ outputs }) => outputs.map(({ name }) => name)),
    ];
    expect(new Set(names).size).toBe(names.length);
  });

  test("equal small constants are one", () => {
    const builder = graph();
    expect(builder.floats([1], [2])).toBe(builder.floats([1], [2]));
    expect(builder.floats([1], [2])).not.toBe(builder.floats([], [2]));
    expect(builder.floats([1], [2])).not.toBe(builder.integers([1], [2]));
  });
});

describe("what each operator computes, in ONNX Runtime", () => {
  const row = [-2, -0.5, 0, 3];
  type Make = (builder: GraphBuilder, x: Value) => Value;
  const two: readonly [string, Make, readonly number[], readonly number[]][] = [
    ["add", (b, x) => b.add(x, b.floats([4], [1, 2, 3, 4])), [4], [-1, 1.5, 3, 7]],
    ["sub", (b, x) => b.sub(x, b.floats([], [1])), [4], [-3, -1.5, -1, 2]],
    ["mul", (b, x) => b.mul(x, x), [4], [4, 0.25, 0, 9]],
    ["div", (b, x) => b.div(x, b.floats([], [2])), [4], [-1, -0.25, 0, 1.5]],
    ["exp", (b, x) => b.exp(x), [4], row.map(Math.exp)],
    ["log", (b, x) => b.log(b.exp(x)), [4], row],
    ["relu", (b, x) => b.relu(x), [4], [0, 0, 0, 3]],
    ["sigmoid", (b, x) => b.sigmoid(x), [4], row.map((v) => 1 / (1 + Math.exp(-v)))],
    ["softmax", (b, x) => b.softmax(x), [4], softmax(row)],
    ["logSoftmax", (b, x) => b.logSoftmax(x), [4], softmax(row).map(Math.log)],
    // Φ(−2), Φ(−0.5) and Φ(3) from a table.
    ["gelu", (b, x) => b.gelu(x, "none"), [4], [-2 * 0.0227501319, -0.5 * 0.3085375387, 0, 3 * 0.998650102]],
    ["gelu, tanh", (b, x) => b.gelu(x, "tanh"), [4], row.map(geluTanh)],
    ["fastGelu", (b, x) => b.fastGelu(x, b.floats([4], [1, 1, 1, 1])), [4], row.map((v) => geluTanh(v + 1))],
    ["matMul", (b, x) => b.matMul(b.reshape(x, [2, 2]), b.floats([2, 1], [1, 10])), [2, 1], [-7, 30]],
    [
      "matMulTransposed",
      (b, x) => b.matMulTransposed(b.reshape(x, [2, 2]), b.floats([3, 2], [1, 0, 0, 1, 1, 1])),
      [2, 3],
      [-2, -0.5, -2.5, 0, 3, 3],
    ],
    ["transpose", (b, x) => b.transpose(b.reshape(x, [2, 2]), [1, 0]), [2, 2], [-2, 0, -0.5, 3]],
    ["slice", (b, x) => b.slice(x, 0, -2, 100, 2), [2], [0, 3]],
    ["concat", (b, x) => b.concat([x, b.floats([1], [9])], 0, 5), [5], [...row, 9]],
    ["split", (b, x) => b.split(x, 0, [1, 3])[1] ?? x, [3], [-0.5, 0, 3]],
    ["gather", (b, x) => b.gather(x, b.integers([2], [3, 0])), [2], [3, -2]],
    ["gather, axis 1", (b, x) => b.gather(b.reshape(x, [2, 2]), b.integers([], [1]), 1), [2], [-0.5, 3]],
    ["unsqueeze", (b, x) => b.unsqueeze(x, [0]), [1, 4], row],
    ["reduceSum", (b, x) => b.reduceSum(b.reshape(x, [2, 2]), [1], true), [2, 1], [-2.5, 3]],
    ["reduceMean", (b, x) => b.reduceMean(b.reshape(x, [2, 2]), [0], false), [2], [-1, 1.25]],
    ["reduceMax", (b, x) => b.reduceMax(x, [0], false), [], [3]],
    ["argMax", (b, x) => b.argMax(b.reshape(x, [2, 2]), 1), [2], [1, 1]],
    ["shapeOf", (b, x) => b.shapeOf(b.reshape(x, [2, 2])), [2], [2, 2]],
    ["range", (b) => b.range(b.integers([], [3]), "n"), [3], [0, 1, 2]],
    ["cast", (b, x) => b.cast(x, "int64"), [4], [-2, 0, 0, 3]],
    [
      "where, lessOrEqual, equal, and",
      (b, x) => {
        const [zero, three] = [b.floats([], [0]), b.floats([], [3])];
        const inside = b.and(b.lessOrEqual(zero, x), b.equal(b.equal(x, three), b.equal(zero, three)));
        return b.where(inside, b.floats([], [1]), x);
      },
      [4],
      [-2, -0.5, 1, 3],
    ],
    ["reshapeTo", (b, x) => b.reshapeTo(x, b.integers([2], [2, 2]), [2, 2]), [2, 2], row],
  ];

  test.each(two)("%s", async (_, make, shape, expected) => {
    const builder = graph();
    const value = make(builder, builder.input("x", "float32", [4]));
    expect(value.shape.map((dimension) => (dimension === "n" ? 3 : dimension))).toEqual(shape);
    builder.output("y", value);
    const { y } = await runGraph(builder.build(), { x: floats([4], row) });
    expect(y?.shape).toEqual(shape);
    for (const [index, actual] of (y?.values ?? []).entries()) {
      // Relative, for what float32 can hold; ONNX Runtime's approximations are a few units of it off.
      const wanted = expected[index] ?? Number.NaN;
      expect(Math.abs(actual - wanted)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(wanted)));
    }
    expect(y?.values).toHaveLength(expected.length);
  });

  test("layerNormalization", async () => {
    const builder = graph();
    const x = builder.input("x", "float32", ["rows", 2]);
    const scale = builder.weight(constantWeight("scale", [2], Float32Array.of(2, 3)));
    const shift = builder.weight(constantWeight("shift", [2], Float32Array.of(1, 0)));
    builder.output("y", builder.layerNormalization(x, scale, shift, 3));
    // Mean 4, variance 1; with ε = 3 the divisor is 2: ∓½.
    const { y } = await runGraph(builder.build(), { x: floats([1, 2], [3, 5]) });
    expect(y?.values).toEqual([0, 1.5]);
  });

  test("int64 inputs and symbolic shapes", async () => {
    const builder = graph();
    const ids = builder.input("ids", "int64", ["batch", "sequence"]);
    const table = builder.weight(constantWeight("table", [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6)));
    builder.output("rows", builder.gather(table, ids));
    const { rows } = await runGraph(builder.build(), { ids: integers([2, 1], [2, 0]) });
    expect(rows).toEqual({ shape: [2, 1, 2], values: [5, 6, 1, 2] });
  });
});

function softmax(logits: readonly number[]): number[] {
  const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
  return logits.map((logit) => Math.exp(logit) / sum);
}

function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}
