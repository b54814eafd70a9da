/** The open models. The folders in which pages may name models are in model-roots.ts. */

import {
  type SearchUnit,
  searchUnitsNamed,
  singleComponents,
  unitsOnTrial,
} from "../discovery/search-units.ts";
import type { OnEvent } from "../jobs/events.ts";
import { loadModel, type Model } from "../jobs/load-model.ts";
import { countParameters } from "../measure/parameters.ts";
import { headCountsOf } from "../transformer/component.ts";
import { Refusal } from "./answer-error.ts";
import type { ModelSummary, RunOptions } from "./api.ts";
import { allowedSource, realFolder } from "./model-roots.ts";

export interface Models {
  /**
   * Opens a model once; it stays open until the studio ends. @param name as a page gives it; "" is the embedded
   * model.
   */
  open(name: string, onEvent?: OnEvent): Promise<Model>;
  /** Stops downloads; they continue next time. */
  close(): Promise<void>;
}

/** @param roots folders in which pages may name models. @throws PithError "options" if a root is not a folder. */
export async function createModels(roots: readonly string[]): Promise<Models> {
  const allowed: string[] = [];
  for (const root of roots) allowed.push(await realFolder(root));
  const opened = new Map<string, Promise<Model>>();
  // A model is shared by all who ask for it: if one of them goes away, its download does not stop.
  const ending = new AbortController();
  return {
    async open(name, onEvent) {
      // Checked each time: a file that is read later, to be copied into a circuit, may have become a link in the
      // meantime.
      const source = await allowedSource(name, allowed);
      const key = source ?? "";
      const found = opened.get(key);
      if (found !== undefined) return found;
      const opening = loadModel(source, { signal: ending.signal, onEvent });
      opened.set(key, opening);
      // After a failure, the next request tries again.
      opening.catch(() => opened.delete(key));
      return opening;
    },
    async close() {
      ending.abort(new Refusal(503, "closing", "The studio is closing."));
      const all = [...opened.values()];
      opened.clear();
      for (const opening of all) await opening.then((model) => model.close()).catch(() => {});
    },
  };
}

/** @param name as the page gave it. */
export function summarizeModel(name: string, model: Model): ModelSummary {
  const { transformer, files } = model;
  return {
    model: model.embedded ? "" : name,
    name: model.name,
    layers: transformer.blocks.length,
    heads: headsPerLayer(model),
    grouped: headGroups(model) !== undefined,
    width: transformer.width,
    parameters: countParameters(transformer).total,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
  };
}

export function headsPerLayer({ transformer }: Model): readonly number[] {
  return headCountsOf(transformer);
}

/** What a search of these options tries, in its order. */
export function unitsOf(
  { transformer }: Pick<Model, "transformer">,
  { mlps, order, components = singleComponents.name }: Pick<RunOptions, "mlps" | "order" | "components">,
): readonly SearchUnit[] {
  return unitsOnTrial(transformer, { mlps, order, units: searchUnitsNamed(components) });
}

/** For each layer, which of its heads of keys and values each head reads; undefined if each has its own. */
export function headGroups({ transformer }: Model): readonly (readonly number[])[] | undefined {
  const groups = transformer.blocks.map(({ attention }) => attention?.group ?? []);
  return groups.every((group) => group.every((read, head) => read === head)) ? undefined : groups;
}
