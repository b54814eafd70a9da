/**
 * Gates: a number for each head, MLP and neuron of a model. A gate of 1 keeps what the component computes, 0 puts
 * its replacement there, and numbers between mix the two. Circuits are gates of 0 and 1; rankings and learned masks
 * ask how a loss changes with gates between.
 */
import { type Circuit, keepsMlp, keptHeads, keptNeurons } from "./circuit.ts";
import type { Transformer } from "./transformer.ts";

/** A number for each head, MLP and neuron: 1 keeps, 0 replaces; values between mix the two. */
export interface GateValues {
  /** For each layer its heads, in the order of the original. */
  readonly heads: readonly Float64Array[];
  /** For each layer its MLP. */
  readonly mlps: Float64Array;
  /** For each layer its MLP's neurons. */
  readonly neurons: readonly Float64Array[];
}

/** The kinds of gates. */
export type GateKind = keyof GateValues;

/** All kinds of gates, in the order in which tables and files name them. */
export const gateKinds: readonly GateKind[] = ["heads", "mlps", "neurons"];

/** How many gates of each kind each layer has. */
export interface GateShape {
  /** For each layer its number of heads. */
  readonly heads: readonly number[];
  /** For each layer its number of neurons. */
  readonly neurons: readonly number[];
}

/** How many heads and neurons each layer of a model has. */
export function gateShapeOf(model: Transformer): GateShape {
  return {
    heads: model.blocks.map(({ attention }) => attention?.heads.length ?? 0),
    neurons: model.blocks.map(({ mlp }) => {
      const [first = 0, second = 0] = mlp?.down.weight.shape ?? [];
      return mlp?.down.transposed ? second : first;
    }),
  };
}

/** Gates that all have one value. */
export function uniformGates({ heads, neurons }: GateShape, value: number): GateValues {
  return {
    heads: heads.map((count) => new Float64Array(count).fill(value)),
    mlps: new Float64Array(heads.length).fill(value),
    neurons: neurons.map((count) => new Float64Array(count).fill(value)),
  };
}

/**
 * The gates of a circuit. Gates of neurons say nothing beside an MLP that is pruned as a whole, and stay open there: so
 * only a circuit with an MLP in part needs the replacements of neurons.
 */
export function gatesOfCircuit(shape: GateShape, circuit: Circuit): GateValues {
  const gates = uniformGates(shape, 0);
  for (const [layer, neurons] of gates.neurons.entries()) {
    for (const head of keptHeads(circuit, layer)) gatesOfLayer(gates, "heads", layer)[head] = 1;
    const kept = keptNeurons(circuit, layer);
    gates.mlps[layer] = Number(keepsMlp(circuit, layer));
    if (kept === "all" || kept.length === 0) neurons.fill(1);
    else for (const neuron of kept) neurons[neuron] = 1;
  }
  return gates;
}

/** One layer's gates of a kind. */
export function gatesOfLayer(gates: GateValues, kind: GateKind, layer: number): Float64Array {
  const values = kind === "mlps" ? gates.mlps.subarray(layer, layer + 1) : gates[kind][layer];
  if (values === undefined) throw new RangeError(`no ${kind} in layer ${layer}`);
  return values;
}
