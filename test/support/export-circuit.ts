/**
 * Cuts a golden circuit of nano and ships it to a temporary folder, for tests of code that reads such folders.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { readTransformer } from "../../src/architectures/index.ts";
import { openCheckpoint } from "../../src/architectures/open-checkpoint.ts";
import { cutCircuit } from "../../src/cut/cut-circuit.ts";
import { meanReplacements, type Replacements, zeroReplacements } from "../../src/discovery/replacements.ts";
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import type { Profile, SpecialTokens } from "../../src/export/config-json.ts";
import { shippedTransformer } from "../../src/export/ship-model.ts";
import { prepareCircuitFolder, type WriteFolderOptions } from "../../src/export/write-folder.ts";
import { countParameters } from "../../src/measure/parameters.ts";
import { inlineRuntime } from "../../src/runtime/node-runtime.ts";
import { loadTokenizer } from "../../src/tokenizer/load-tokenizer.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import type { Circuit } from "../../src/transformer/circuit.ts";
import { headCountsOf, neuronCountsOf } from "../../src/transformer/component.ts";
import { sharedKeyValueCounts } from "../../src/transformer/head-groups.ts";
import type { FoldedTransformer, Transformer } from "../../src/transformer/transformer.ts";
import type { Prompts } from "./run-search.ts";

export const runtime = inlineRuntime({ threads: 1 });

export interface GoldenRun {
  readonly ablation: "mean" | "zero";
  readonly means: "aligned" | "pooled";
  readonly bos: boolean;
  readonly kept_heads: readonly (readonly [number, number])[];
  readonly kept_mlps: readonly number[];
}

export const tasks = ["ioi", "greater-than", "acronyms"] as const;
export type GoldenTask = (typeof tasks)[number];

export const goldenRuns = async (task: GoldenTask): Promise<readonly GoldenRun[]> =>
  JSON.parse(await readFile(`test/golden/nano-${task}.expected.json`, "utf8"));

let nano: Promise<Transformer> | undefined;

/** Opened once, for the whole test run: its weights are read from the file when they are needed. */
export function loadNano(): Promise<Transformer> {
  nano ??= openCheckpoint("models/nano").then((checkpoint) => readTransformer(checkpoint));
  return nano;
}

export const nanoTokenizer = () => loadTokenizer("models/nano");

/** A golden task's prompts of one split; id 2193 is nano's start-of-text. */
export async function goldenPrompts(
  task: GoldenTask,
  split: "patching" | "validation",
  bos = false,
): Promise<Prompts> {
  const tokenizer = await nanoTokenizer();
  const lines = (await readFile(`test/golden/nano-${task}.jsonl`, "utf8")).trim().split("\n");
  return lines
    .map((line): { split: string; prompt: string } => JSON.parse(line))
    .filter((line) => line.split === split)
    .map(({ prompt }) => [...(bos ? [2193] : []), ...tokenizer.encode(prompt)]);
}

export async function goldenReplacements(
  model: Transformer,
  task: GoldenTask,
  run: Pick<GoldenRun, "ablation" | "means" | "bos">,
): Promise<Replacements> {
  return run.ablation === "zero"
    ? zeroReplacements(model.width, neuronCountsOf(model))
    : meanReplacements(runtime, model, await goldenPrompts(task, "patching", run.bos), run.means, {
        neurons: true,
      });
}

/** A circuit.json for tests: correct where it is checked, invented elsewhere. */
export function circuitFile(
  original: Transformer,
  standalone: FoldedTransformer,
  circuit: Circuit,
  profile: Profile,
  bytes: number,
): CircuitFile {
  const keyValueHeads = sharedKeyValueCounts(original);
  return {
    pith: "0.0.0",
    profile,
    model: {
      name: "nano",
      family: "gpt2",
      layers: original.blocks.length,
      heads: [...headCountsOf(original)],
      neurons: [...neuronCountsOf(original)],
      ...(keyValueHeads && { keyValueHeads: [...keyValueHeads] }),
      width: original.width,
      vocabulary: original.vocabularySize,
      context: original.contextLength,
      files: [{ name: "model.safetensors", bytes: 3, sha256: "0".repeat(64) }],
    },
    task: {
      ...{ name: "a test", sha256: "1".repeat(64), examples: { patching: 2, validation: 2, test: 0 } },
      ...{ seed: 0, bos: false },
    },
    search: { name: "greedy", options: { alpha: 0.02, passes: 1, order: "published" }, trace: [] },
    onTrial: ["head", "mlp"],
    replacement: { ablation: "mean", means: profile.kind === "aligned" ? "aligned" : "pooled" },
    kept: circuit,
    metrics: {
      accuracy: { validation: { original: 1, circuit: 0.99 } },
      kl: { validation: 0.1 },
      parameters: {
        original: countParameters(original),
        circuit: countParameters(shippedTransformer(standalone, profile)),
      },
      bytes: { original: 3, circuit: bytes },
      verified: 1e-5,
    },
  };
}

/** The tokenizer that is shipped, and the ids that generation needs. */
export interface ShippedWords {
  readonly tokenizer: Tokenizer;
  readonly specialTokens: SpecialTokens;
}

/** Writes and commits; `directory` is a new temporary folder by default, the words are nano's. */
export async function shipCircuit(
  original: Transformer,
  circuit: Circuit,
  replacements: Replacements,
  profile: Profile,
  directory?: string,
  options?: WriteFolderOptions,
  words?: ShippedWords,
): Promise<{ readonly directory: string; readonly standalone: FoldedTransformer; readonly bytes: number }> {
  const standalone = await cutCircuit(original, circuit, replacements);
  const place = directory ?? join(await temporaryFolder(), "circuit");
  const { tokenizer, specialTokens } = words ?? {
    tokenizer: await nanoTokenizer(),
    specialTokens: { bos: 2193, eos: [2193] },
  };
  const prepared = await prepareCircuitFolder(
    place,
    { model: standalone, profile, tokenizer: tokenizer.files, specialTokens },
    options,
  );
  await prepared.commit(circuitFile(original, standalone, circuit, profile, prepared.bytes));
  return { directory: place, standalone, bytes: prepared.bytes };
}

const temporaryFolders: string[] = [];
afterAll(() => Promise.all(temporaryFolders.map((folder) => rm(folder, { recursive: true, force: true }))));

/** Removed at the end of the test file. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "pith-export-"));
  temporaryFolders.push(folder);
  return folder;
}
