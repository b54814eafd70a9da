/**
 * Everything that a search needs from the original model, in one pass over its layers: the means of the patching
 * prompts and the residual streams of the validation prompts. Each layer's weights are read and handed over once.
 */
import type { Runtime } from "../runtime/runtime.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { makeBatches } from "./batch.ts";
import { createEvaluator, type Evaluator, evaluatorFrom } from "./evaluator.ts";
import { forward } from "./forward.ts";
import { createMeans, type Replacements, zeroReplacements } from "./replacements.ts";

export interface SearchSets {
  readonly patching: readonly (readonly number[])[];
  readonly validation: readonly (readonly number[])[];
}

export interface PrepareOptions {
  readonly ablation: "mean" | "zero";
  readonly means: "aligned" | "pooled";
  readonly tokensPerBatch?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws RangeError if means are aligned and patching prompts differ in length. */
export async function prepareSearch(
  runtime: Runtime,
  model: Transformer,
  { patching, validation }: SearchSets,
  { ablation, means, tokensPerBatch, signal }: PrepareOptions,
): Promise<{ readonly evaluator: Evaluator; readonly replacements: Replacements }> {
  if (ablation === "zero") {
    const replacements = zeroReplacements(model.width);
    const evaluator = await createEvaluator(runtime, model, validation, replacements, {
      signal,
      tokensPerBatch,
    });
    return { evaluator, replacements };
  }
  const patchingBatches = makeBatches(patching, tokensPerBatch);
  const validationBatches = makeBatches(validation, tokensPerBatch);
  const sums = createMeans(model, patching, means);
  const residuals = await forward(runtime, model, [...patchingBatches, ...validationBatches], {
    keepFrom: patchingBatches.length,
    signal,
    async visit({ layer, batch, z, mlp }) {
      if (batch < patchingBatches.length) await sums.add(runtime, layer, z, mlp);
    },
  });
  // The means are worked out here while the engine lays out the unembedding.
  const replacements = sums.finish();
  const evaluator = evaluatorFrom(runtime, model, validationBatches, residuals, replacements);
  const [made, ready] = await Promise.all([replacements, evaluator]);
  return { replacements: made, evaluator: ready };
}
