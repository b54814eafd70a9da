/** A circuit of a sweep as a map of the kept components. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { circuitOfRow } from "../../src/experiments/row-circuit.ts";
import type { SweepRow } from "../../src/experiments/sweep-row.ts";
import { keeps, listsOf } from "../../src/transformer/circuit.ts";
import { componentsOfModel, headNumber, shapeOfHeadCounts } from "../../src/transformer/component.ts";
import { createGrid } from "../watch/circuit-grid.ts";

export interface SmallMapProps {
  readonly headsPerLayer: readonly number[];
  readonly row: Pick<SweepRow, "heads" | "mlpsKept" | "neuronsKept">;
}

export function SmallMap({ headsPerLayer, row }: SmallMapProps) {
  const host = useRef<HTMLDivElement>(null);
  // In the same frame as the words beside it, so that nothing jumps.
  useLayoutEffect(() => {
    if (host.current === null) return;
    const circuit = circuitOfRow(row);
    const { heads, mlps } = listsOf(circuit);
    const names = heads.map(([layer, head]) => headNumber(layer, head));
    const grid = createGrid(host.current, {
      headsPerLayer,
      label: `Circuit map: kept are the heads ${names.join(", ") || "none"}, and the MLPs ${mlps.join(", ") || "none"}.`,
    });
    for (const component of componentsOfModel(shapeOfHeadCounts(headsPerLayer))) {
      grid.set(component, keeps(circuit, component) ? "kept" : "pruned");
    }
    return () => grid.remove();
  }, [headsPerLayer, row]);
  return <div class="map-room small-map" ref={host} />;
}
