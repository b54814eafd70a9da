/** What a component weighs: its weight matrices' elements, which is what it adds to a circuit's body. */
import type { Circuit } from "../transformer/circuit.ts";
import type { Component } from "../transformer/component.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { elementCount } from "../transformer/weight.ts";
import { wholeCircuit } from "./evaluator/kept-layer.ts";
import { wholeBlock } from "./forward.ts";

/** @param model the original. */
export function componentSize(model: Transformer, component: Component): number {
  const { attention, mlp } = wholeBlock(model, component.layer);
  if (component.kind === "mlp")
    return elementCount(mlp.up.weight.shape) + elementCount(mlp.down.weight.shape);
  const { query, key, value, output, heads } = attention;
  const all = [query, key, value, output].reduce((sum, { weight }) => sum + elementCount(weight.shape), 0);
  return all / heads.length;
}

/** Share of the original's body parameters that a circuit keeps, 0 to 1. */
export function bodyShare(model: Transformer, circuit: Circuit): number {
  return bodySize(model, circuit) / bodySize(model, wholeCircuit(model));
}

function bodySize(model: Transformer, { heads, mlps }: Circuit): number {
  return [
    ...heads.map(([layer, head]): Component => ({ kind: "head", layer, head })),
    ...mlps.map((layer): Component => ({ kind: "mlp", layer })),
  ].reduce((sum, component) => sum + componentSize(model, component), 0);
}
