/** The description of a circuit's search in text. A known search gives it itself. */
import { findSearch } from "../discovery/searches/index.ts";
import type { SearchDescription } from "../discovery/searches/search.ts";
import type { CircuitFile, SearchRecord } from "./circuit-file.ts";

export function describeSearch({ name, options }: SearchRecord): SearchDescription {
  const known = findSearch(name);
  if (known !== undefined) return known.use(options).description;
  return {
    rule: `the search "${name}"`,
    decision: `The search "${name}" decided what is pruned`,
    manner: Object.entries(options).map(([option, value]) => `${option} ${JSON.stringify(value)}`),
  };
}

/** The search's rule in a few words; for a target, the threshold that its search began with. */
export function ruleOf({ search, target }: Pick<CircuitFile, "search" | "target">): string {
  const alpha = target?.alpha ?? target?.leastAlpha;
  return alpha === undefined ? describeSearch(search).rule : `α = ${alpha}`;
}
