/**
 * Runs a whole search in one call, for tests: the only test code that combines replacements, evaluator and
 * search.
 */
import { createEvaluator, type EvaluatorOptions } from "../../src/discovery/evaluator/evaluator.ts";
import { prepareSearch } from "../../src/discovery/prepare.ts";
import { meanReplacements, type Replacements, zeroReplacements } from "../../src/discovery/replacements.ts";
import type { SearchResult } from "../../src/discovery/searches/decision.ts";
import { type SearchOptions, search } from "../../src/discovery/searches/greedy/search.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { neuronCountsOf } from "../../src/transformer/component.ts";
import type { Transformer } from "../../src/transformer/transformer.ts";

export type Prompts = readonly (readonly number[])[];

/** The replacement of pruned components; "apart": pooled means that treat the first position apart. */
export type ReplacementKind = "aligned" | "pooled" | "apart" | "zero";

export interface SearchRun extends SearchOptions {
  readonly ablation: ReplacementKind;
  readonly patching: Prompts;
  readonly validation: Prompts;
  /** Tokens of a batch in the validation and the patching passes. */
  readonly tokensPerBatch?: number;
  /** Used with known replacements alone. */
  readonly products?: EvaluatorOptions["products"];
}

export interface SearchRunResult extends SearchResult {
  readonly replacements: Replacements;
  /** The original's most likely next tokens. */
  readonly predictions: readonly number[];
}

export async function makeReplacements(
  runtime: Runtime,
  model: Transformer,
  ablation: ReplacementKind,
  patching: Prompts,
  tokensPerBatch?: number,
): Promise<Replacements> {
  if (ablation === "zero") return zeroReplacements(model.width, neuronCountsOf(model));
  const { means, ...choice } = meansOf(ablation);
  return meanReplacements(runtime, model, patching, means, { ...choice, neurons: true, tokensPerBatch });
}

const meansOf = (ablation: Exclude<ReplacementKind, "zero">) =>
  ablation === "apart"
    ? ({ means: "pooled", firstPosition: "apart" } as const)
    : ({ means: ablation, firstPosition: "same" } as const);

/** @param known replacements that were made before; with them, the patching prompts aren't used. */
export async function runSearch(
  runtime: Runtime,
  model: Transformer,
  { ablation, patching, validation, tokensPerBatch, products, ...options }: SearchRun,
  known?: Replacements,
): Promise<SearchRunResult> {
  const { evaluator, replacements } =
    known === undefined
      ? await prepareSearch(
          runtime,
          model,
          { patching, validation },
          ablation === "zero"
            ? { ablation: "zero", means: "pooled", tokensPerBatch }
            : { ablation: "mean", ...meansOf(ablation), tokensPerBatch },
        )
      : {
          evaluator: await createEvaluator(runtime, model, validation, known, { tokensPerBatch, products }),
          replacements: known,
        };
  try {
    const result = await search(evaluator, model, options);
    return { ...result, replacements, predictions: evaluator.predictions };
  } finally {
    await evaluator.close();
  }
}
