/** What a run's search tries as one candidate, in its order, for pages that show what is on trial. */
import {
  type SearchUnit,
  searchUnitsNamed,
  singleComponents,
  unitsOfLayers,
} from "../../src/discovery/search-units.ts";
import type { RunDetail } from "../../src/server/api.ts";
import { shapeOfHeadCounts } from "../../src/transformer/component.ts";

export function unitsOfRun({
  headsPerLayer,
  headGroups,
  request,
}: Pick<RunDetail, "headsPerLayer" | "headGroups" | "request">): readonly SearchUnit[] {
  const { components = singleComponents.name, mlps, order } = request.options;
  const layers = shapeOfHeadCounts(headsPerLayer).map((parts, layer) => ({
    ...{ ...parts, layer },
    group: headGroups?.[layer] ?? parts.heads,
  }));
  return unitsOfLayers(layers, { mlps, order, units: searchUnitsNamed(components) });
}
