/** A circuit: the set of components that stay. Both lists ascending, no duplicates. */
export interface Circuit {
  /** [layer, head]. */
  readonly heads: readonly (readonly [layer: number, head: number])[];
  /** Layers whose MLP stays. */
  readonly mlps: readonly number[];
}
