/**
 * The main job: from a model and a task to the folder of a circuit (Node). Every step is a function of its own
 * elsewhere; this file is their order, and what is told, stored and cleaned up between them.
 */
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { hashFile } from "../checkpoint/hash.ts";
import { prepareSearch } from "../discovery/prepare.ts";
import type { Replacements } from "../discovery/replacements.ts";
import { candidates, type SearchResult, search } from "../discovery/search.ts";
import type { Timing } from "../evaluation/latency.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import type { Profile } from "../export/config-json.ts";
import { checkOutputFolder, prepareCircuitFolder } from "../export/write-folder.ts";
import { workerRuntime } from "../runtime/node-runtime.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { cutCircuit } from "../surgery/cut-circuit.ts";
import type { EncodedTask } from "../tasks/encode-task.ts";
import type { OnEvent } from "./events.ts";
import { checkExtractOptions, type ExtractOptions, type SearchSettings } from "./extract-options.ts";
import { type Journal, openJournal } from "./journal.ts";
import type { Model } from "./load-model.ts";
import { measureCircuit } from "./measure.ts";
import { packageVersion } from "./package-files.ts";
import { encodePrompts, tokenIds } from "./prompts.ts";
import type { Task } from "./read-task.ts";

export interface Extraction {
  /** The circuit's folder, absolute. */
  readonly folder: string;
  /** What the folder's circuit.json says. */
  readonly circuit: CircuitFile;
  /** One prompt at a time, the two in turns through the same engine. */
  readonly timing: { readonly original: Timing; readonly circuit: Timing };
  /** The whole extraction, wall clock. */
  readonly seconds: number;
  readonly counters: { readonly flops: number; readonly runs: number };
}

/**
 * Searches, cuts, writes, verifies and measures. The folder appears under its name only when all of it went
 * well.
 * @param out the folder to make.
 * @throws PithError for bad input, a folder that exists, a full disk, or a standalone model that disagrees
 * with the patched one by more than 1e-3; the signal's reason when it was aborted.
 */
export async function extract(
  model: Model,
  task: Task,
  out: string,
  options: ExtractOptions = {},
): Promise<Extraction> {
  const begin = performance.now();
  const { signal } = options;
  const settings = checkExtractOptions(options);
  signal?.throwIfAborted();
  const encoded = encodePrompts(task, model.tokenizer, model.transformer.contextLength, settings);
  await checkOutputFolder(out, { force: settings.force });

  const runtime = workerRuntime(settings.threads === undefined ? {} : { threads: settings.threads });
  const stop = () => void runtime.close();
  signal?.addEventListener("abort", stop);
  try {
    const extraction = await run({
      model,
      task,
      encoded,
      out,
      settings,
      runtime,
      signal,
      onEvent: options.onEvent,
    });
    return { ...extraction, seconds: (performance.now() - begin) / 1000 };
  } catch (error) {
    // What fails after the engine was stopped fails because of it.
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    await runtime.close();
  }
}

interface Job {
  readonly model: Model;
  readonly task: Task;
  readonly encoded: EncodedTask;
  readonly out: string;
  readonly settings: SearchSettings;
  readonly runtime: Runtime;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: OnEvent | undefined;
}

async function run(job: Job): Promise<Omit<Extraction, "seconds">> {
  const { model, encoded, out, settings, runtime, signal, onEvent } = job;
  const sources = await hashSources(job);
  await mkdir(dirname(resolve(out)), { recursive: true });
  const journal = await openJournal(out, searchKey(sources, settings), settings.resume);

  const { replacements, result } = await runSearch(job, journal);
  const { flops, runs } = runtime.counters;

  onEvent?.({ kind: "step", step: "export" });
  const standalone = await cutCircuit(model.transformer, result.circuit, replacements);
  const profile: Profile =
    settings.means === "aligned"
      ? { kind: "aligned", length: encoded.validation[0]?.ids.length ?? 0 }
      : { kind: "decoder" };
  const prepared = await prepareCircuitFolder(
    out,
    {
      model: standalone,
      profile,
      tokenizer: model.tokenizer.files,
      specialTokens: { bos: model.config.bosTokenId, eos: model.config.eosTokenIds },
    },
    {
      force: settings.force,
      signal,
      onProgress: (done, total) => onEvent?.({ kind: "progress", step: "export", done, total }),
    },
  );
  try {
    const measured = await measureCircuit({
      runtime,
      model,
      encoded,
      circuit: result.circuit,
      replacements,
      standalone,
      profile,
      prepared,
      signal,
      onEvent,
    });
    const circuit = describe(job, sources, result, profile, measured.metrics);
    await prepared.commit(circuit);
    await journal.remove();
    return { folder: resolve(out), circuit, timing: measured.timing, counters: { flops, runs } };
  } catch (error) {
    await prepared.discard();
    throw error;
  }
}

async function runSearch(
  { model, encoded, settings, runtime, signal, onEvent }: Job,
  journal: Journal,
): Promise<{ readonly replacements: Replacements; readonly result: SearchResult }> {
  const { transformer } = model;
  onEvent?.({ kind: "step", step: "activations" });
  const sets = { patching: tokenIds(encoded.patching), validation: tokenIds(encoded.validation) };
  const { evaluator, replacements } = await prepareSearch(runtime, transformer, sets, {
    ablation: settings.ablation,
    means: settings.means,
    signal,
  });
  onEvent?.({ kind: "step", step: "search" });
  onEvent?.({
    kind: "search",
    layers: transformer.blocks.length,
    headsPerLayer: transformer.blocks.map(({ attention }) => attention?.heads.length ?? 0),
    candidates: candidates(transformer, settings).length,
    resumed: journal.resumed,
  });
  const result = await search(evaluator, transformer, {
    alpha: settings.alpha,
    mlps: settings.mlps,
    order: settings.order,
    resume: journal.resumed,
    signal,
    onDecision: async (decision, done, total) => {
      await journal.append(decision);
      onEvent?.({ kind: "decision", decision, done, total });
    },
  });
  await evaluator.close();
  return { replacements, result };
}

interface Sources {
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[];
  readonly task: string;
}

async function hashSources({ model, task, signal }: Job): Promise<Sources> {
  const files = [];
  for (const { path, size } of model.files) {
    files.push({
      name: basename(path),
      bytes: size,
      sha256: await hashFile(path, { ...(signal && { signal }) }),
    });
  }
  return { files, task: await hashFile(task.path, { ...(signal && { signal }) }) };
}

/** Equal keys, equal decisions: everything that a decision depends on. */
function searchKey(sources: Sources, settings: SearchSettings): string {
  const { alpha, ablation, mlps, means, order, bos, seed } = settings;
  const named = { pith: packageVersion(), sources, alpha, ablation, mlps, means, order, bos, seed };
  return createHash("sha256").update(JSON.stringify(named)).digest("hex");
}

function describe(
  { model, task, encoded, settings }: Job,
  sources: Sources,
  { circuit, trace }: SearchResult,
  profile: Profile,
  metrics: CircuitFile["metrics"],
): CircuitFile {
  const { alpha, ablation, mlps, means, order, seed, bos } = settings;
  const { transformer } = model;
  return {
    format: "pith.circuit/1",
    pith: packageVersion(),
    profile,
    model: {
      name: model.name,
      family: model.config.modelType,
      layers: transformer.blocks.length,
      heads: transformer.blocks.map(({ attention }) => attention?.heads.length ?? 0),
      width: transformer.width,
      vocabulary: transformer.vocabularySize,
      context: transformer.contextLength,
      files: [...sources.files],
    },
    task: {
      name: task.name,
      sha256: sources.task,
      examples: {
        patching: encoded.patching.length,
        validation: encoded.validation.length,
        test: encoded.test.length,
      },
    },
    options: { alpha, ablation, mlps, means, order, seed, bos },
    heads: circuit.heads.map(([layer, head]) => [layer, head]),
    mlps: [...circuit.mlps],
    trace: [...trace],
    metrics,
  };
}
