/** The tiny checkpoints of test/families, and the results of transformers on them (test/families/README.md). */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Decision } from "../../src/discovery/searches/decision.ts";
import type { Order } from "../../src/transformer/component.ts";

export interface ReferenceSearch {
  readonly alpha: number;
  readonly ablation: "mean" | "zero";
  readonly include_mlps: boolean;
  readonly order: Order;
  readonly means: "aligned" | "pooled";
  readonly kl: number;
  readonly kept_heads: readonly (readonly [number, number])[];
  readonly kept_mlps: readonly number[];
  readonly trace: readonly Decision[];
  /** Of the first validation prompts, with the circuit. */
  readonly final_logprobs: readonly (readonly number[])[];
}

interface FamilyReference {
  readonly prompts: readonly {
    readonly text: string;
    readonly input_ids: readonly number[];
    readonly logits: readonly number[];
  }[];
  readonly patching_ids: readonly (readonly number[])[];
  readonly validation_ids: readonly (readonly number[])[];
  readonly answer_ids: readonly (readonly number[])[];
  readonly runs: readonly ReferenceSearch[];
}

const place = "test/families";

/** The names of the folders. */
export const tinyFolders: readonly string[] = readdirSync(place, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);

/** The path of a checkpoint. */
export const tinyFolder = (name: string): string => join(place, name);

export const referenceOf = (name: string): FamilyReference =>
  JSON.parse(readFileSync(join(place, name, "expected.json"), "utf8"));

export const modelTypeOf = (name: string): unknown =>
  JSON.parse(readFileSync(join(place, name, "config.json"), "utf8")).model_type;
