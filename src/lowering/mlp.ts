/**
 * An MLP as a graph (paper, equation 2), without b_2, which is a constant and is added elsewhere. If there is a
 * norm after the MLP, b_2 is added before that norm, here.
 */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Activation, Mlp } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
import { affine, multiply } from "./linear.ts";
import { normalize } from "./norm.ts";
import type { StageOperators } from "./operator-set.ts";

interface MlpHooks {
  /** Gets h, the neurons' activations, [..., hidden]. @returns what W_2 reads; left out: the same. */
  readonly hidden?: ((h: Value) => Value) | undefined;
  /** b_2 before the norm after the MLP, as it stands at the positions of `written`; left out: its one row. */
  readonly bias?: (written: Value) => Value | undefined;
}

/**
 * @param normed [..., d], normalised. @returns W_2 σ(W_1 x + b_1), [..., d], after its own norm if it has one.
 */
export function applyMlp(
  graph: GraphBuilder,
  normed: Value,
  mlp: Mlp,
  operators: StageOperators,
  hooks: MlpHooks = {},
): Value {
  const h =
    mlp.gate === undefined
      ? plain(graph, normed, mlp, operators)
      : gated(graph, normed, mlp, mlp.gate, operators);
  const written = multiply(graph, hooks.hidden?.(h) ?? h, mlp.down, operators);
  if (mlp.postNorm === undefined) return written;
  const bias = hooks.bias ? hooks.bias(written) : mlp.down.bias && graph.weight(mlp.down.bias);
  return normalize(graph, bias === undefined ? written : graph.add(written, bias), mlp.postNorm, operators);
}

function plain(
  graph: GraphBuilder,
  normed: Value,
  { up, activation }: Mlp,
  operators: StageOperators,
): Value {
  return activated(graph, multiply(graph, normed, up, operators), up.bias, activation, operators);
}

/** σ(product + bias). */
export function activated(
  graph: GraphBuilder,
  product: Value,
  bias: Weight | undefined,
  activation: Activation,
  operators: StageOperators,
): Value {
  if (bias === undefined) return activateBy(graph, product, activation, operators);
  // One pass over the widest activation instead of two: an eighth of a GPT-2 MLP's time on a CPU.
  return operators === "onnxruntime" && activation === "gelu-tanh"
    ? graph.fastGelu(product, graph.weight(bias))
    : activateBy(graph, graph.add(product, graph.weight(bias)), activation, operators);
}

function gated(
  graph: GraphBuilder,
  normed: Value,
  { up, activation }: Mlp,
  gate: NonNullable<Mlp["gate"]>,
  operators: StageOperators,
): Value {
  const open = activateBy(graph, affine(graph, normed, gate, operators), activation, operators);
  const raised = affine(graph, normed, up, operators);
  if (operators !== "held") return graph.mul(open, raised);
  const twice = graph.add(graph.mul(open, graph.hold(raised)), graph.mul(graph.hold(open), raised));
  return graph.mul(twice, graph.floats([], [0.5]));
}

/** The activation, or x times its held secant; where x is 0, the secant is taken for 0. */
function activateBy(graph: GraphBuilder, x: Value, activation: Activation, operators: StageOperators): Value {
  if (operators !== "held") return activate(graph, x, activation);
  const divisor = graph.where(graph.equal(x, graph.floats([], [0])), graph.floats([], [1]), x);
  return graph.mul(x, graph.hold(graph.div(activate(graph, x, activation), divisor)));
}

function activate(graph: GraphBuilder, x: Value, activation: Activation): Value {
  switch (activation) {
    case "gelu-tanh":
      return graph.gelu(x, "tanh");
    case "gelu":
      return graph.gelu(x, "none");
    case "relu":
      return graph.relu(x);
    case "silu":
      return graph.mul(x, graph.sigmoid(x));
  }
}
