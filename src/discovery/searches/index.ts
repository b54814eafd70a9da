/** The list of searches. To add one, write its folder beside this file and list it here. */
import { PithError } from "../../errors.ts";
import { greedy } from "./greedy/greedy.ts";
import { iterative } from "./iterative/iterative.ts";
import { learned } from "./learned/learned.ts";
import { ranked } from "./ranked/ranked.ts";
import type { Search } from "./search.ts";
import { target } from "./target/target.ts";
import { type AnySearch, anySearch } from "./use-search.ts";

const searches = new Map<string, AnySearch>();
registerSearch(greedy);
registerSearch(target);
registerSearch(ranked);
registerSearch(iterative);
registerSearch(learned);

/**
 * Registers a search by its name, for `extract` and for the reader of circuit.json.
 * @throws PithError "options" when another search has the name.
 */
export function registerSearch<Options extends object, Entry>(search: Search<Options, Entry>): void {
  if (searches.has(search.name)) {
    throw new PithError("options", `there is a search named ${search.name} already.`);
  }
  searches.set(search.name, anySearch(search));
}

/** Undefined if no search has this name. */
export function findSearch(name: string): AnySearch | undefined {
  return searches.get(name);
}

/** The names of all that are registered, the default first. */
export function searchNames(): readonly string[] {
  return [...searches.keys()];
}

/** @param field what the option is called, for the error. @throws PithError "options" if there is no such search. */
export function searchNamed(name: string, field = "search"): AnySearch {
  const found = searches.get(name);
  if (found !== undefined) return found;
  throw new PithError("options", `there is no search named ${JSON.stringify(name.slice(0, 40))}.`, {
    place: { field },
    advice: `There are ${[...searches.keys()].join(", ")}.`,
  });
}
