/**
 * What circuits and components weigh: elements of the body's weight matrices. A size is computed from the set, never
 * summed over its components, since components may share weights.
 */
import { type Circuit, keepsMlp, keptHeads, wholeCircuit, without } from "./circuit.ts";
import { type Component, shapeOf } from "./component.ts";
import type { Attention, Mlp, Transformer } from "./transformer.ts";
import { elementCount } from "./weight.ts";

/** The body's size in a circuit. @param model the original. */
export function circuitSize(model: Transformer, circuit: Circuit): number {
  return [...model.blocks.keys()].reduce((sum, layer) => sum + layerSize(model, circuit, layer), 0);
}

/** What removing a component from a circuit frees. @param model the original. */
export function freedSize(model: Transformer, circuit: Circuit, component: Component): number {
  const { layer } = component;
  return layerSize(model, circuit, layer) - layerSize(model, without(circuit, [component]), layer);
}

/** Share of the original's body parameters that a circuit keeps, 0 to 1. */
export function bodyShare(model: Transformer, circuit: Circuit): number {
  return circuitSize(model, circuit) / circuitSize(model, wholeCircuit(shapeOf(model)));
}

function layerSize(model: Transformer, circuit: Circuit, layer: number): number {
  const { attention, mlp } = model.blocks[layer] ?? {};
  return (
    (attention === undefined ? 0 : attentionSize(attention, keptHeads(circuit, layer))) +
    (mlp !== undefined && keepsMlp(circuit, layer) ? mlpSize(mlp) : 0)
  );
}

function attentionSize({ query, key, value, output, heads }: Attention, kept: readonly number[]): number {
  const all = [query, key, value, output].reduce((sum, { weight }) => sum + elementCount(weight.shape), 0);
  return (all / heads.length) * kept.length;
}

function mlpSize({ up, down }: Mlp): number {
  return elementCount(up.weight.shape) + elementCount(down.weight.shape);
}
