/**
 * The rows of a circuit's map, for all programs that draw it: one row for each layer, with its heads, and the MLP
 * apart. A layer has thousands of neurons, so they have no cells of their own: their MLP's cell says how many stay.
 */
import { type Circuit, keptNeurons } from "../transformer/circuit.ts";
import type { Component, ModelShape } from "../transformer/component.ts";
import { formatCount } from "./format.ts";

/** A component that has a cell of its own. */
export type CellComponent = Exclude<Component, { readonly kind: "neuron" }>;

/** The kinds of components that have cells of their own, in the order in which a layer computes them. */
export const cellKinds: readonly CellComponent["kind"][] = ["head", "mlp"];

/** The state of a component; `unknown` means that it was not tried yet. */
export type CellState = "kept" | "pruned" | "trial" | "unknown";

/** How many of an MLP's neurons stay, where some of them, not all, do. */
export interface NeuronShare {
  readonly kept: number;
  readonly all: number;
}

/** @returns undefined where the MLP is whole, or pruned, or it is not known how many neurons it has. */
export function neuronShare(circuit: Circuit, shape: ModelShape, layer: number): NeuronShare | undefined {
  const kept = keptNeurons(circuit, layer);
  const all = shape[layer]?.hidden;
  return kept === "all" || kept.length === 0 || all === undefined ? undefined : { kept: kept.length, all };
}

/** "120 of 768 neurons (16 %)". */
export function neuronShareText({ kept, all }: NeuronShare): string {
  return `${formatCount(kept)} of ${formatCount(all)} neurons (${shareText({ kept, all })})`;
}

/** "16 %": at least 1 %, and at most 99 %, since the MLP is neither pruned nor whole. */
export function shareText({ kept, all }: NeuronShare): string {
  return `${Math.min(99, Math.max(1, Math.round((100 * kept) / all)))} %`;
}

/** A row of the map: one value for each component of a layer. */
export interface LayerCells<T> {
  readonly layer: number;
  readonly heads: readonly T[];
  /** Undefined if the layer has no MLP. */
  readonly mlp: T | undefined;
}

/** The rows of a model, first layer first. */
export function layerCells<T>(
  shape: ModelShape,
  cell: (component: CellComponent) => T,
): readonly LayerCells<T>[] {
  return shape.map(({ heads, mlp }, layer) => {
    // A compile error here points out a kind of component that has no place in the map.
    const cells = {
      head: heads.map((head) => cell({ kind: "head", layer, head })),
      mlp: mlp ? cell({ kind: "mlp", layer }) : undefined,
    } satisfies Record<CellComponent["kind"], unknown>;
    return { layer, heads: cells.head, mlp: cells.mlp };
  });
}
