/**
 * The differences between Pith and transformers. On the tiny checkpoint of each family: the largest difference of
 * a logit in each of the three ways in which a model is run, and the largest difference of a KL in the searches
 * by Algorithm 1. Fails above 1e-4, or if a search keeps other parts.
 */
import { readTransformer } from "../src/architectures/index.ts";
import { openCheckpoint } from "../src/architectures/open-checkpoint.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import type { Runtime } from "../src/runtime/runtime.ts";
import { listsOf } from "../src/transformer/circuit.ts";
import type { Transformer } from "../src/transformer/transformer.ts";
import {
  modelTypeOf,
  type ReferenceSearch,
  referenceOf,
  tinyFolder,
  tinyFolders,
} from "../test/support/family-reference.ts";
import { alignedLogits, decoderLogits, originalLogits } from "../test/support/run-model.ts";
import { runSearch } from "../test/support/run-search.ts";
import { markdownTable } from "./markdown-table.ts";

interface FamilyResult {
  readonly checkpoint: string;
  readonly family: string;
  /** Largest differences of a logit. */
  readonly stages: number;
  readonly aligned: number;
  readonly decoder: number;
  /** The largest difference of a KL, in nats, over all steps of all searches. */
  readonly kl: number;
  readonly steps: number;
  /** Whether every search keeps the same parts as the reference. */
  readonly sameParts: boolean;
}

const bar = 1e-4;

/** @returns whether all differences are below the bar. */
export async function benchFamilies({ json }: { readonly json: boolean }): Promise<boolean> {
  const runtime = inlineRuntime({ threads: 1 });
  const results: FamilyResult[] = [];
  for (const name of tinyFolders) results.push(await measureFamily(runtime, name));
  await runtime.close();
  console.log(json ? JSON.stringify(results, null, 2) : table(results));
  return results.every(
    ({ stages, aligned, decoder, kl, sameParts }) =>
      sameParts && Math.max(stages, aligned, decoder, kl) < bar,
  );
}

async function measureFamily(runtime: Runtime, name: string): Promise<FamilyResult> {
  const checkpoint = await openCheckpoint(tinyFolder(name));
  const model = await readTransformer(checkpoint);
  const reference = referenceOf(name);
  const prompts = reference.prompts.map(({ input_ids }) => input_ids);
  const expected = reference.prompts.map(({ logits }) => logits);
  const alignedRows = await Promise.all(prompts.map((ids) => alignedLogits(runtime, model, [ids])));
  const searches = [];
  for (const run of reference.runs) searches.push(await compareSearch(runtime, model, reference, run));
  const result = {
    checkpoint: name,
    family: String(modelTypeOf(name)),
    stages: largest(await originalLogits(runtime, model, prompts), expected),
    aligned: largest(alignedRows.flat(), expected),
    decoder: largest(await decoderLogits(runtime, model, prompts), expected),
    kl: Math.max(...searches.map(({ kl }) => kl)),
    steps: searches.reduce((sum, { steps }) => sum + steps, 0),
    sameParts: searches.every(({ sameParts }) => sameParts),
  };
  await checkpoint.close();
  return result;
}

async function compareSearch(
  runtime: Runtime,
  model: Transformer,
  { patching_ids: patching, validation_ids: validation }: ReturnType<typeof referenceOf>,
  run: ReferenceSearch,
): Promise<{ readonly kl: number; readonly steps: number; readonly sameParts: boolean }> {
  const { alpha, order, include_mlps: mlps } = run;
  const ablation = run.ablation === "zero" ? "zero" : run.means;
  const options = { ablation, patching, validation, alpha, mlps, order } as const;
  const { circuit, trace, kl } = await runSearch(runtime, model, options);
  const differences = trace.map((decision, step) => Math.abs(decision.kl - (run.trace[step]?.kl ?? NaN)));
  const { heads, mlps: kept } = listsOf(circuit);
  return {
    kl: Math.max(Math.abs(kl - run.kl), ...differences),
    steps: trace.length,
    sameParts: JSON.stringify([heads, kept]) === JSON.stringify([run.kept_heads, run.kept_mlps]),
  };
}

function largest(some: readonly Float32Array[], others: readonly (readonly number[])[]): number {
  return Math.max(
    ...some.flatMap((row, at) =>
      Array.from(row, (value, token) => Math.abs(value - (others[at]?.[token] ?? NaN))),
    ),
  );
}

function table(results: readonly FamilyResult[]): string {
  const digits = (value: number) => value.toExponential(1);
  const rows = results.map(({ checkpoint, stages, aligned, decoder, kl, steps, sameParts }) => [
    ...[checkpoint, digits(stages), digits(aligned), digits(decoder), digits(kl), String(steps)],
    sameParts ? "same" : "OTHERS",
  ]);
  const heads = ["checkpoint", "layer by layer", "aligned", "decoder", "KL, nats", "steps", "kept parts"];
  return markdownTable(heads, rows);
}
