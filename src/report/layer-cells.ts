/**
 * The rows of a circuit's map, for all programs that draw it: one row for each layer, with its heads, and the MLP
 * apart. A layer has thousands of neurons, so they have no cells of their own: their MLP's cell says how many stay.
 */
import type { Component, ModelShape } from "../transformer/component.ts";

/** A component that has a cell of its own. */
export type CellComponent = Exclude<Component, { readonly kind: "neuron" }>;

/** The kinds of components that have cells of their own, in the order in which a layer computes them. */
export const cellKinds: readonly CellComponent["kind"][] = ["head", "mlp"];

/** The state of a component; `unknown` means that it was not tried yet. */
export type CellState = "kept" | "pruned" | "trial" | "unknown";

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
