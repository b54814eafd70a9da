/**
 * Sizes of circuits and components: elements of the body's weight matrices. A size is computed from the whole
 * set, never as a sum over components, because components may share weights.
 */
import { type Circuit, keeps, keepsMlp, keptHeads, keptNeurons, wholeCircuit, without } from "./circuit.ts";
import { type Component, type ComponentKind, shapeOf } from "./component.ts";
import { keepHeads } from "./keep-heads.ts";
import { linearShape } from "./linear.ts";
import type { Attention, Linear, Mlp, ProjectionNorm, Transformer } from "./transformer.ts";
import { elementCount } from "./weight.ts";

/** The body's size in a circuit. @param model the original. */
export function circuitSize(model: Transformer, circuit: Circuit): number {
  return [...model.blocks.keys()].reduce((sum, layer) => sum + layerSize(model, circuit, layer), 0);
}

/** The size that is freed when a component is removed from a circuit. @param model the original. */
export function freedSize(model: Transformer, circuit: Circuit, component: Component): number {
  const { layer } = component;
  const mlp = model.blocks[layer]?.mlp;
  // A layer has thousands of neurons, and each frees the same; so no circuit is made for each.
  if (component.kind === "neuron")
    return mlp !== undefined && keeps(circuit, component) ? neuronSize(mlp) : 0;
  return layerSize(model, circuit, layer) - layerSize(model, without(circuit, [component]), layer);
}

/** The body's size in the whole model. */
export function bodySize(model: Transformer): number {
  return circuitSize(model, wholeCircuit(shapeOf(model)));
}

/** Share of the original's body parameters that a circuit keeps, 0 to 1. */
export function bodyShare(model: Transformer, circuit: Circuit): number {
  return circuitSize(model, circuit) / bodySize(model);
}

function layerSize(model: Transformer, circuit: Circuit, layer: number): number {
  const { attention, mlp } = model.blocks[layer] ?? {};
  const sizes: Readonly<Record<Exclude<ComponentKind, "neuron">, number>> = {
    head: attention === undefined ? 0 : attentionSize(attention, keptHeads(circuit, layer)),
    mlp: mlp !== undefined && keepsMlp(circuit, layer) ? mlpSize(mlp, keptNeurons(circuit, layer)) : 0,
  };
  return Object.values(sizes).reduce((sum, size) => sum + size, 0);
}

/** A key/value head counts if at least one query head that reads it stays. */
function attentionSize(attention: Attention, kept: readonly number[]): number {
  if (kept.length === 0) return 0;
  const { query, key, value, output, queryNorm, keyNorm } = keepHeads(attention, kept);
  return sizeOf([query, key, value, output, ...prunedIn(queryNorm), ...prunedIn(keyNorm)]);
}

/** The remaining weights of pruned heads, which a norm of all heads together needs. */
function prunedIn(norm: ProjectionNorm | undefined): readonly Linear[] {
  return norm?.kind === "joint" && norm.pruned !== undefined ? [norm.pruned] : [];
}

function mlpSize(mlp: Mlp, neurons: readonly number[] | "all"): number {
  const [, hidden] = linearShape(mlp.up);
  return neuronSize(mlp) * (neurons === "all" ? hidden : neurons.length);
}

/** A neuron's column of W_up, and of W_gate where there is a gate, and its row of W_down. */
function neuronSize({ gate, up, down }: Mlp): number {
  const [, hidden] = linearShape(up);
  return sizeOf(gate === undefined ? [up, down] : [gate, up, down]) / hidden;
}

function sizeOf(linears: readonly Linear[]): number {
  return linears.reduce((sum, { weight }) => sum + elementCount(weight.shape), 0);
}
