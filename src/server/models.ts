/** The open models. Which folders pages may name is in model-roots.ts. */

import type { OnEvent } from "../jobs/events.ts";
import { loadModel, type Model } from "../jobs/load-model.ts";
import { countParameters } from "../measure/parameters.ts";
import { headCountsOf } from "../transformer/component.ts";
import { Refusal } from "./answer-error.ts";
import type { ModelSummary } from "./api.ts";
import { allowedSource, realFolder } from "./model-roots.ts";

export interface Models {
  /** Opened once; stays open until the studio ends. @param name as a page gives it; "" is the embedded model. */
  open(name: string, onEvent?: OnEvent): Promise<Model>;
  /** What is being fetched is stopped, to be gone on with next time. */
  close(): Promise<void>;
}

/** @param roots folders that pages may name models in. @throws PithError "options" for a root that is no folder. */
export async function createModels(roots: readonly string[]): Promise<Models> {
  const allowed: string[] = [];
  for (const root of roots) allowed.push(await realFolder(root));
  const opened = new Map<string, Promise<Model>>();
  // A model is for all who ask for it: that one of them goes away does not stop its download.
  const ending = new AbortController();
  return {
    async open(name, onEvent) {
      // Looked at each time: what is read later, for a circuit to take along, may have become a link meanwhile.
      const source = await allowedSource(name, allowed);
      const key = source ?? "";
      const found = opened.get(key);
      if (found !== undefined) return found;
      const opening = loadModel(source, { signal: ending.signal, onEvent });
      opened.set(key, opening);
      // What failed is tried anew when it is asked for again.
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
    width: transformer.width,
    parameters: countParameters(transformer).total,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
  };
}

export function headsPerLayer({ transformer }: Model): readonly number[] {
  return headCountsOf(transformer);
}
