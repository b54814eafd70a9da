/** Which components are in, as the map's keys say it ("5.head.4", "3.mlp"): what a person changes, and what is asked. */
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import type { CellName } from "../data/candidates.ts";

export type Kept = ReadonlySet<string>;

export interface KeptLists {
  readonly heads: readonly (readonly [layer: number, head: number])[];
  readonly mlps: readonly number[];
}

export function keyOf({ layer, component }: CellName): string {
  return `${layer}.${component}`;
}

/** The model's, kept or not. */
export function allCells({ model }: CircuitFile): readonly CellName[] {
  return model.heads.flatMap((count, layer) => [
    ...Array.from({ length: count }, (_, head) => ({ layer, component: `head.${head}` })),
    { layer, component: "mlp" },
  ]);
}

export function keptBy({ heads, mlps }: CircuitFile): Kept {
  return new Set([
    ...heads.map(([layer, head]) => `${layer}.head.${head}`),
    ...mlps.map((layer) => `${layer}.mlp`),
  ]);
}

/** How many components are not as the other set has them. */
export function differences(kept: Kept, other: Kept): number {
  const only = (one: Kept, against: Kept) => [...one].filter((key) => !against.has(key)).length;
  return only(kept, other) + only(other, kept);
}

export function toggled(kept: Kept, key: string): Kept {
  const next = new Set(kept);
  if (!next.delete(key)) next.add(key);
  return next;
}

/** Both ascending. */
export function listsOf(kept: Kept): KeptLists {
  const parts = [...kept].map((key) => key.split("."));
  return {
    heads: parts
      .filter(([, kind]) => kind === "head")
      .map(([layer, , head]): readonly [number, number] => [Number(layer), Number(head)])
      .sort((a, b) => a[0] - b[0] || a[1] - b[1]),
    mlps: parts
      .filter(([, kind]) => kind === "mlp")
      .map(([layer]) => Number(layer))
      .sort((a, b) => a - b),
  };
}
