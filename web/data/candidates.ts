/** The order in which a search tries components: which one is on trial follows from how many are decided. */
import type { RunOptions } from "../../src/server/api.ts";

export interface CellName {
  readonly layer: number;
  /** "head.3" or "mlp". */
  readonly component: string;
}

export function candidateOrder(
  headsPerLayer: readonly number[],
  { mlps, order }: Pick<RunOptions, "mlps" | "order">,
): readonly CellName[] {
  return headsPerLayer
    .map((count, layer): readonly CellName[] => {
      const heads = Array.from({ length: count }, (_, head) => ({ layer, component: `head.${head}` }));
      const mlp = mlps ? [{ layer, component: "mlp" }] : [];
      return order === "published" ? [...heads, ...mlp] : [...mlp, ...heads];
    })
    .reverse()
    .flat();
}

/** "head 5.4", "MLP 3". */
export function cellTitle({ layer, component }: CellName): string {
  return component === "mlp" ? `MLP ${layer}` : `head ${layer}.${component.slice("head.".length)}`;
}
