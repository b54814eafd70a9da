/** The rows of a circuit's map, whatever draws it: a row a layer, with its heads, and the MLP apart. */
import type { Component, ComponentKind, ModelShape } from "../transformer/component.ts";

/** What is known of a component: `unknown` is not tried yet. */
export type CellState = "kept" | "pruned" | "trial" | "unknown";

/** A row of the picture: something for each component of a layer. */
export interface LayerCells<T> {
  readonly layer: number;
  readonly heads: readonly T[];
  /** Undefined where the layer has no MLP. */
  readonly mlp: T | undefined;
}

/** The rows of a model, first layer first. */
export function layerCells<T>(
  shape: ModelShape,
  cell: (component: Component) => T,
): readonly LayerCells<T>[] {
  return shape.map(({ heads, mlp }, layer) => {
    // A kind that has no place in the picture is missed here.
    const cells = {
      head: heads.map((head) => cell({ kind: "head", layer, head })),
      mlp: mlp ? cell({ kind: "mlp", layer }) : undefined,
    } satisfies Record<ComponentKind, unknown>;
    return { layer, heads: cells.head, mlp: cells.mlp };
  });
}
