/**
 * A whole original layer whose heads, MLP and neurons have gates of any value, for passes that differentiate with
 * respect to them. A gate g puts ā + g(a − ā) in the place of a: for a head in the space of z, for a neuron in that
 * of h, for an MLP in that of its write, b_2 and a norm behind it included. b_O and b_2 are in the graph.
 */
import type { Dimension, Graph, Value } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import type { GateKind } from "../transformer/gates.ts";
import { linearShape } from "../transformer/linear.ts";
import type { PositionRows } from "../transformer/position-rows.ts";
import type { Attention, Block, Mlp } from "../transformer/transformer.ts";
import { type AttentionSetting, attend, attendTo, project } from "./attention.ts";
import { partsOfBlock } from "./kept-part.ts";
import { inputPlaces } from "./places.ts";
import { walkParts } from "./walk-parts.ts";

/** What a component computes: z of all heads, h of all neurons, or the MLP's write. */
const activationOf = { heads: "z", neurons: "h", mlps: "written" } as const satisfies Record<
  GateKind,
  string
>;

interface GateStageOptions {
  /** Which gates there are; components of other kinds are kept. */
  readonly kinds: readonly GateKind[];
  /** What the rows of means stand for: one for all positions, or one for each, as inputs have them. */
  readonly rows: PositionRows["kind"];
  /** Activations that are outputs, under the names of `activationOutput`, before their gates. */
  readonly reveal?: readonly GateKind[];
  /**
   * Gates move an activation along `clean.KIND` − ā, an input, instead of a − ā: a + (g − 1)(clean − ā). Left out: no.
   */
  readonly along?: boolean;
  /** "held": the layer in a form whose gradient is RelP's; attention's patterns are held too. Left out: "onnxruntime". */
  readonly operators?: "onnxruntime" | "held";
  /** Vectors that are added to the stream, inputs `after.heads` and `after.mlps`: one for all positions, or for each. */
  readonly constants?: "one" | "each" | undefined;
}

/** The name of the input that has a kind's gates: [batch, 1, heads, 1], [batch, 1, 1] or [batch, 1, hidden]. */
export const gateName = (kind: GateKind): string => `gates.${kind}`;
/** The input with a kind's means: [rows, heads × headWidth], [rows, d] or [rows, hidden]. */
export const meanName = (kind: GateKind): string => `mean.${kind}`;
/** The input with a kind's activations of another run, of the shape of the activations. */
export const cleanName = (kind: GateKind): string => `clean.${kind}`;
/** The output with a kind's activations: [batch, sequence, width]. */
export const activationOutput = (kind: GateKind): string => activationOf[kind];
/** The input with what is added to the stream after the heads, or after the MLP. */
export const afterName = (kind: "heads" | "mlps"): string => `after.${kind}`;

/** Inputs: x [batch, sequence, d]; those named above; the inputs of `placeFeeds`. Output: y, and what is revealed. */
export function gateStage(block: Block, width: number, options: GateStageOptions): Graph {
  const graph = new GraphBuilder("layer with gates");
  const { attention, mlp } = block;
  const { operators = "onnxruntime" } = options;
  if (attention === undefined || mlp === undefined) throw new TypeError("an original layer has both parts");
  const x = graph.input("x", "float32", ["batch", "sequence", width]);
  const places = inputPlaces(graph, [attention]);
  const mixed = mixer(graph, options);
  const parts = partsOfBlock(block, "all");
  const y = walkParts(graph, x, parts, {
    ...{ places, operators },
    attend(normed) {
      const setting = { places, operators };
      const z =
        operators === "held"
          ? attendHeld(graph, normed, attention, setting)
          : attend(graph, normed, attention, "all", setting);
      return mixed.heads(z, attention);
    },
    hidden: (h) => mixed.neurons(h, mlp),
    wrote: (delta, from) => (from === "heads" ? delta : mixed.mlps(withBias(graph, delta, mlp))),
    after(stream, index) {
      const kind = parts[index]?.kind;
      const withHeads =
        kind === "mlp" ? stream : mixed.after(withBias(graph, stream, attention), "heads", width);
      return kind === "heads" ? withHeads : mixed.after(withHeads, "mlps", width);
    },
  });
  graph.output("y", y);
  return graph.build();
}

/** Like `attend`, but no gradient goes through queries and keys. */
function attendHeld(
  graph: GraphBuilder,
  normed: Value,
  attention: Attention,
  setting: AttentionSetting,
): Value {
  const { query, key, value } = project(graph, normed, attention, "all", setting);
  const projections = { query: graph.hold(query), key: graph.hold(key), value };
  return attendTo(graph, projections, attention, "all", setting.places);
}

/** Adds b_O or b_2, unless a norm behind the part has it inside. */
function withBias(graph: GraphBuilder, x: Value, part: Attention | Mlp): Value {
  const { bias } = "output" in part ? part.output : part.down;
  return bias === undefined || part.postNorm !== undefined ? x : graph.add(x, graph.weight(bias));
}

/** The gates of each kind, where there are any. */
function mixer(
  graph: GraphBuilder,
  { kinds, rows, reveal = [], along = false, constants }: GateStageOptions,
) {
  const row: Dimension = rows === "one" ? 1 : "sequence";
  const mix = (kind: GateKind, activation: Value, units: readonly number[]): Value => {
    if (reveal.includes(kind)) graph.output(activationOutput(kind), activation);
    if (!kinds.includes(kind)) return activation;
    // Heads have an axis of their own, neurons are the last one, and an MLP is all of its write.
    const total = units.reduce((product, count) => product * count, 1);
    const split = (value: Value) =>
      units.length > 1 ? graph.reshape(value, [...value.shape.slice(0, -1).map(() => 0), ...units]) : value;
    const mean = split(graph.input(meanName(kind), "float32", [row, total]));
    const shape = kind === "heads" ? [units[0] ?? 0, 1] : [kind === "neurons" ? total : 1];
    const gate = graph.input(gateName(kind), "float32", ["batch", 1, ...shape]);
    const a = split(activation);
    const mixed = along
      ? graph.add(
          a,
          graph.mul(graph.sub(gate, graph.floats([], [1])), graph.sub(cleanOf(kind, total, split), mean)),
        )
      : graph.add(mean, graph.mul(gate, graph.sub(a, mean)));
    return units.length > 1 ? graph.reshape(mixed, [0, 0, total]) : mixed;
  };
  const cleanOf = (kind: GateKind, total: number, split: (value: Value) => Value): Value =>
    split(graph.input(cleanName(kind), "float32", ["batch", "sequence", total]));
  return {
    heads: (z: Value, { heads, headWidth }: Attention) => mix("heads", z, [heads.length, headWidth]),
    neurons: (h: Value, { down }: Mlp) => mix("neurons", h, [linearShape(down)[0]]),
    mlps: (written: Value) => mix("mlps", written, [Number(written.shape.at(-1))]),
    after: (stream: Value, kind: "heads" | "mlps", width: number) =>
      constants === undefined
        ? stream
        : graph.add(
            stream,
            graph.input(afterName(kind), "float32", [constants === "one" ? 1 : "sequence", width]),
          ),
  };
}
