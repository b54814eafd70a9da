/** A circuit of a sweep as a map: what is kept, and where. */
import { useLayoutEffect, useRef } from "preact/hooks";
import type { SweepRow } from "../../src/experiments/sweep-row.ts";
import { createGrid } from "../watch/circuit-grid.ts";

export interface SmallMapProps {
  readonly headsPerLayer: readonly number[];
  readonly row: Pick<SweepRow, "heads" | "mlpsKept">;
}

export function SmallMap({ headsPerLayer, row }: SmallMapProps) {
  const host = useRef<HTMLDivElement>(null);
  // In the frame of the words beside it, which must not jump.
  useLayoutEffect(() => {
    if (host.current === null) return;
    const kept = new Set(row.heads.map(([layer, head]) => `${layer}.${head}`));
    const grid = createGrid(host.current, {
      headsPerLayer,
      label: `Circuit map: kept are the heads ${[...kept].join(", ") || "none"}, and the MLPs ${row.mlpsKept.join(", ") || "none"}.`,
    });
    for (const [layer, count] of headsPerLayer.entries()) {
      for (let head = 0; head < count; head++) {
        grid.set({ layer, component: `head.${head}` }, kept.has(`${layer}.${head}`) ? "kept" : "pruned");
      }
      grid.set({ layer, component: "mlp" }, row.mlpsKept.includes(layer) ? "kept" : "pruned");
    }
    return () => grid.remove();
  }, [headsPerLayer, row]);
  return <div class="map-room small-map" ref={host} />;
}
