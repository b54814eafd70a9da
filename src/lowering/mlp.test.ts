import { expect, test } from "vitest";
import { activate } from "../../test/support/naive-transformer.ts";
import { floats, runGraph } from "../../test/support/run-graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Activation, Mlp } from "../transformer/transformer.ts";
import { constantWeight } from "../transformer/weight.ts";
import { applyMlp } from "./mlp.ts";
import type { OperatorSet } from "./operator-set.ts";

/** The identity up and down, so that what comes out is σ(x + b_1). */
function mlpOf(activation: Activation, bias: readonly number[] | undefined): Mlp {
  const identity = constantWeight("identity", [3, 3], Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1));
  const vector = (name: string) => constantWeight(name, [3], Float32Array.of(9, 9, 9));
  return {
    norm: { kind: "layer", scale: vector("scale"), shift: vector("shift"), epsilon: 1 },
    activation,
    up: { weight: identity, ...(bias && { bias: constantWeight("b_1", [3], Float32Array.from(bias)) }) },
    down: { weight: identity, bias: vector("b_2") },
  };
}

const activations: readonly Activation[] = ["gelu-tanh", "gelu", "relu", "silu"];
const targets: readonly OperatorSet[] = ["portable", "onnxruntime"];

test.each(
  activations.flatMap((activation) =>
    targets.flatMap((target) => [undefined, [0.5, -1, 0]].map((bias) => ({ activation, target, bias }))),
  ),
)("$activation, $target, b_1 $bias: σ(x + b_1), without b_2", async ({ activation, target, bias }) => {
  const builder = new GraphBuilder("test");
  const mlp = mlpOf(activation, bias);
  const normed = builder.input("x", "float32", ["rows", 3]);
  builder.output("y", applyMlp(builder, normed, mlp, target));
  const x = [-3, -0.75, -0.1, 0, 0.4, 1.5, 2, -1, 3];
  const { y } = await runGraph(builder.build(), { x: floats([3, 3], x) });
  expect(y?.values).toHaveLength(9);
  for (const [index, value] of (y?.values ?? []).entries()) {
    const input = (x[index] ?? Number.NaN) + (bias?.[index % 3] ?? 0);
    expect(Math.abs(value - activate(input, activation))).toBeLessThan(1e-6);
  }
});

test("W_1 and W_2 are [in, out]", async () => {
  const builder = new GraphBuilder("test");
  const mlp: Mlp = {
    ...mlpOf("relu", undefined),
    // (x1, x2) → (x1 + 2·x2, 3·x1, −x2) → the sum of them, twice and once.
    up: { weight: constantWeight("up", [2, 3], Float32Array.of(1, 3, 0, 2, 0, -1)) },
    down: { weight: constantWeight("down", [3, 2], Float32Array.of(2, 1, 2, 1, 2, 1)) },
  };
  builder.output("y", applyMlp(builder, builder.input("x", "float32", [1, 2]), mlp, "portable"));
  // (5, 10) → (25, 15, −10) → relu (25, 15, 0) → (80, 40).
  expect((await runGraph(builder.build(), { x: floats([1, 2], [5, 10]) }))["y"]?.values).toEqual([80, 40]);
});
