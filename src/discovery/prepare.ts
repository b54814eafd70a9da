/**
 * Makes everything that a search needs from the original model, in one pass over its layers: the means of the
 * patching prompts and the residual streams of the validation prompts. Each layer's weights are read and sent
 * once.
 */
import type { Runtime } from "../runtime/runtime.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { makeBatches, tokensAtOnce } from "./batch.ts";
import { createEvaluator, type Evaluator, evaluatorFrom } from "./evaluator/evaluator.ts";
import type { FirstPositionDecision } from "./first-position.ts";
import { forward } from "./forward.ts";
import {
  collectMeans,
  type MeansOptions,
  type Replacements,
  type ValueBias,
  zeroAblation,
} from "./replacements.ts";

export interface SearchSets {
  readonly patching: readonly (readonly number[])[];
  readonly validation: readonly (readonly number[])[];
  /** How many of each validation prompt's last positions are answer positions; left out: 1 of each. */
  readonly scored?: readonly number[];
  /** How many times each prompt counts, in the means and in KL; left out: once. */
  readonly weights?: {
    readonly patching?: readonly number[] | undefined;
    readonly validation?: readonly number[] | undefined;
  };
}

export interface PrepareOptions extends MeansOptions {
  readonly ablation: "mean" | "zero";
  /** With zero ablation; left out: removed. */
  readonly valueBias?: ValueBias | undefined;
  readonly means: "aligned" | "pooled";
}

export interface PreparedSearch {
  readonly evaluator: Evaluator;
  readonly replacements: Replacements;
  /** How pooled means treat the first position; undefined for aligned means and zero ablation. */
  readonly firstPosition: FirstPositionDecision | undefined;
}

/**
 * @throws RangeError if means are aligned and patching prompts differ in length, or if a prompt has fewer tokens
 * than positions to score.
 */
export async function prepareSearch(
  runtime: Runtime,
  model: Transformer,
  { patching, validation, scored, weights }: SearchSets,
  options: PrepareOptions,
): Promise<PreparedSearch> {
  const { ablation, valueBias, means, tokensPerBatch = tokensAtOnce(runtime), signal } = options;
  if (ablation === "zero") {
    const replacements = await zeroAblation(model, valueBias);
    const evaluator = await createEvaluator(runtime, model, validation, replacements, {
      signal,
      tokensPerBatch,
      scored,
    });
    return {
      ...{ evaluator: { ...evaluator, weights: weights?.validation }, replacements },
      firstPosition: undefined,
    };
  }
  const patchingBatches = makeBatches(patching, tokensPerBatch);
  const validationBatches = makeBatches(validation, tokensPerBatch);
  const collected = collectMeans(runtime, model, patching, means, [weights?.patching], options);
  const residuals = await forward(runtime, model, [...patchingBatches, ...validationBatches], {
    keepFrom: patchingBatches.length,
    hidden: options.neurons,
    signal,
    async visit(outputs) {
      const own = patchingBatches[outputs.batch];
      if (own !== undefined) await collected.visit(own, outputs);
    },
  });
  // The means are computed here while the engine prepares the unembedding.
  const firstPosition = collected.decide();
  const [inMaking] = collected.inMaking;
  if (inMaking === undefined) throw new RangeError("no means");
  const replacements = inMaking.finish(firstPosition?.firstPosition ?? "same");
  const evaluator = evaluatorFrom(runtime, model, validationBatches, residuals, replacements, { scored });
  const [made, ready] = await Promise.all([replacements, evaluator]);
  return { replacements: made, evaluator: { ...ready, weights: weights?.validation }, firstPosition };
}
