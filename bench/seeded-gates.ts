/** A model with gates on seeded prompts, with zeros in the place of what is gated: means cost the same and take longer to make. */
import { gateMeansOf } from "../src/discovery/gates/gate-means.ts";
import type { GatedModel } from "../src/discovery/gates/gated-model.ts";
import { openGates } from "../src/discovery/gates/open-gates.ts";
import { zeroReplacements } from "../src/discovery/replacements.ts";
import type { Runtime } from "../src/runtime/runtime.ts";
import { neuronCountsOf } from "../src/transformer/component.ts";
import type { Transformer } from "../src/transformer/transformer.ts";
import { seededPrompts } from "./random-model.ts";

export function openSeededGates(
  runtime: Runtime,
  model: Transformer,
  { prompts, length, holds }: { readonly prompts: number; readonly length: number; readonly holds: boolean },
): GatedModel {
  const answered = seededPrompts(prompts, length, model.vocabularySize, 2).map((ids) => ({
    ids,
    accepted: [ids.slice(0, 1)],
  }));
  const means = gateMeansOf(model, zeroReplacements(model.width, neuronCountsOf(model)));
  return openGates(runtime, model, { patching: [], validation: answered }, means, { holds }).gated;
}
