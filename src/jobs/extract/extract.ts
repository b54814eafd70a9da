/**
 * The main job: makes the folder of a circuit from a model and a task (Node). Every step is a function in another
 * module; this one has their order, and the reporting, storing and cleaning up between them.
 */

import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { FirstPositionDecision } from "../../discovery/first-position.ts";
import { defaultFitNumbers } from "../../discovery/fitted/fit-options.ts";
import type { StreamConstants } from "../../discovery/gates/gate-passes.ts";
import { prepareSearch } from "../../discovery/prepare.ts";
import type { Replacements } from "../../discovery/replacements.ts";
import { searchUnitsNamed, singleComponents } from "../../discovery/search-units.ts";
import type { MetTarget, SearchEvent, SearchInputs, SearchOutcome } from "../../discovery/searches/search.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import { decoderProfile, type Profile } from "../../export/config-json.ts";
import { sinkNote } from "../../export/means-text.ts";
import { circuitFolder } from "../../export/write-folder.ts";
import { claimOutputFolder } from "../../files/output-folder.ts";
import { packageVersion } from "../../files/package-files.ts";
import { isRight } from "../../measure/compare.ts";
import { workerRuntime } from "../../runtime/node-runtime.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { chatNotes } from "../../tasks/chat-example.ts";
import type { EncodedTask } from "../../tasks/encode-task.ts";
import { chatTemplateOf } from "../../tokenizer/chat-template.ts";
import type { Circuit } from "../../transformer/circuit.ts";
import { headCountsOf } from "../../transformer/component.ts";
import { searchThreads } from "../choose-threads.ts";
import type { OnEvent } from "../events.ts";
import type { Model } from "../load-model.ts";
import { type BoundedMemory, boundMemory, type MemoryRecord, planRun } from "../memory/bounded-memory.ts";
import type { MemoryPlan } from "../memory/plan-memory.ts";
import { openTaskGates } from "../open-gates.ts";
import { preflightEncoded } from "../preflight/preflight.ts";
import { refuseUnfit } from "../preflight/preflight-findings.ts";
import type { Preflight } from "../preflight/preflight-result.ts";
import { encodePrompts, searchSets, templateFor } from "../prompts.ts";
import type { Task } from "../read-task.ts";
import { weightFiles } from "../same-weights.ts";
import { fitTaskConstants, type TaskConstants } from "../tune/fit-task.ts";
import { withEngine } from "../with-engine.ts";
import { checkExtractOptions } from "./check-extract-options.ts";
import { type CutHeads, type CutHeadsJob, checkHeadRank, cutHeads } from "./cut-heads.ts";
import { type CircuitOrigin, describeCircuit, type Sources } from "./describe-circuit.ts";
import {
  defaultExtractOptions,
  type ExtractOptions,
  type SearchSettings,
  searchOf,
} from "./extract-options.ts";
import { makeCircuitFolder } from "./make-circuit-folder.ts";
import type { ExtractionTiming } from "./measure-circuit.ts";
import { measureCuts } from "./measure-cuts.ts";
import { type MeasuredStability, measureStability } from "./measure-stability.ts";
import { openSearchJournal } from "./search-journal.ts";

/** The result of an extraction, and facts about the run. */
export interface Extraction {
  /** The circuit's folder, absolute. */
  readonly folder: string;
  /** The content of the folder's circuit.json. */
  readonly circuit: CircuitFile;
  /** The findings about the task before the search. */
  readonly preflight: Preflight;
  /**
   * How long a prompt takes original and circuit, one at a time, in turns through the same engine; undefined where the
   * original is too large to be loaded as one graph.
   */
  readonly timing: ExtractionTiming | undefined;
  /** With a bound of memory, what the run was planned to take, and what it took; left out: there was no bound. */
  readonly memory?: MemoryRecord;
  /** How many threads computed. */
  readonly threads: number;
  /** Seconds of wall clock that the whole extraction took. */
  readonly seconds: number;
  /** Counts of the search and of the passes that it needs. */
  readonly counters: {
    /** Floating-point operations of all matrix products. */
    readonly flops: number;
    /** How many graphs were run. */
    readonly runs: number;
  };
}

/**
 * Finds the circuit of a task and ships it: checks the original, searches, cuts, writes, verifies and measures.
 * The folder appears under its name only when every step has succeeded.
 * @param model an original model.
 * @param task that the circuit will do.
 * @param out the folder to make.
 * @param options settings of the search and of its run; {@link defaultExtractOptions} holds the defaults.
 * @example
 * ```ts
 * const model = await loadModel("openai-community/gpt2");
 * const task = await readTask("ioi", { tokenizer: model.tokenizer });
 * const { circuit, folder } = await extract(model, task, "gpt2-ioi", { alpha: 0.01 });
 * await model.close();
 * ```
 * @throws PithError for bad input, a task that the original can't do (unless `allowWeak`), a folder that exists,
 * a full disk, or a standalone model that disagrees with the patched one by more than 1e-3; the signal's reason
 * when it was aborted.
 */
export async function extract(
  model: Model,
  task: Task,
  out: string,
  options: ExtractOptions = {},
): Promise<Extraction> {
  const begin = performance.now();
  const { signal } = options;
  const settings = checkExtractOptions({
    ...options,
    // A task may be made for prompts with a start token; the caller's option overrides this.
    bos: options.bos ?? task.bos ?? defaultExtractOptions.bos,
    chat: options.chat ?? task.chat ?? defaultExtractOptions.chat,
  });
  signal?.throwIfAborted();
  checkHeadRank(model.transformer, settings.headRank);
  const encoded = encodePrompts(task, model.tokenizer, model.transformer.contextLength, settings);
  const chat = templateFor(model.tokenizer, settings.chat);
  if (chat !== undefined) {
    const start = settings.bos ? model.tokenizer.endOfTextId : undefined;
    for (const note of chatNotes(task.examples, chat, model.tokenizer, start))
      options.onEvent?.({ kind: "note", note });
  }
  const plan = planMemory(model, encoded, settings, options.onEvent);
  const release = await claimOutputFolder(out, { force: settings.force, ...circuitFolder });

  const threads = settings.threads ?? searchThreads(model.transformer);
  const { onEvent } = options;
  let memory: BoundedMemory | undefined;
  try {
    memory = plan && (await boundMemory(plan, out));
    const runtime = workerRuntime({ threads, device: settings.device, room: memory?.room });
    const extraction = await withEngine(runtime, signal, () =>
      run({
        ...{ model, task, encoded, out, settings },
        search: searchOf(settings),
        runtime,
        signal,
        onEvent,
      }),
    );
    return {
      ...{ ...extraction, threads, ...(memory && { memory: memory.record() }) },
      seconds: (performance.now() - begin) / 1000,
    };
  } finally {
    await memory?.close();
    await release();
  }
}

/** Undefined where no bound is set. */
function planMemory(
  { transformer }: Model,
  encoded: EncodedTask,
  { memory, means, ablation, dtype, formats, target, headRank }: SearchSettings,
  onEvent: OnEvent | undefined,
): MemoryPlan | undefined {
  if (memory === undefined) return undefined;
  return planRun(transformer, [encoded], {
    ...{ bound: memory, means, ablation, onEvent },
    formats: dtype !== "f32" || formats.length > 0,
    judges: target?.kind === "accuracy",
    loadsCircuits: headRank !== undefined,
    // A search for a target begins with a sweep.
    thresholds: target === undefined ? 1 : 30,
  });
}

interface Job extends CircuitOrigin {
  readonly out: string;
  readonly runtime: Runtime;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: OnEvent | undefined;
}

async function run(job: Job): Promise<Omit<Extraction, "seconds" | "threads" | "memory">> {
  const { model, encoded, out, settings, runtime, signal, onEvent } = job;
  const preflight = await checkTask(job);
  const sources = await hashSources(job);
  const key = searchKey(sources, job);

  const before = { flops: runtime.counters.flops, runs: runtime.counters.runs };
  const { replacements, firstPosition, outcome: found, removeJournal } = await runSearch(job, key);
  const counters = {
    flops: runtime.counters.flops - before.flops,
    runs: runtime.counters.runs - before.runs,
  };
  const stability = await runBootstrap(job, key, found, firstPosition);
  // A circuit of frequently kept components is not the result of one search, so it has no trace.
  const result =
    stability === undefined || settings.frequency === undefined
      ? found
      : { ...found, circuit: stability.circuit, trace: [] };

  const profile: Profile =
    settings.means === "aligned"
      ? { kind: "aligned", length: encoded.validation[0]?.ids.length ?? 0 }
      : decoderProfile(model.transformer, settings.caches);
  const lower = await cutToRank(job, { circuit: result.circuit, replacements, profile });
  const fitted = await runFit(job, result.circuit, replacements, found.constants);
  const curve = await measureCuts({ ...job, replacements }, found.cuts);
  const shipped = await makeCircuitFolder({
    ...{ runtime, model, encoded, out, settings, profile, replacements, signal, onEvent },
    ...{ circuit: result.circuit, cut: lower?.cut, constants: fitted?.constants },
    describe: (metrics) => ({
      ...describeCircuit(job, sources, { ...result, firstPosition }, profile, metrics),
      ...(fitted && { constants: fitted.record }),
      ...(curve && { curve }),
      ...(stability && { stability: stability.record }),
      ...(lower && { headRank: lower.record }),
      ...(settings.target &&
        found.met && { target: { ...settings.target, ...metWith(found.met, metrics, found.constants) } }),
    }),
  });
  await removeJournal();
  await stability?.done();
  return { folder: resolve(out), ...shipped, preflight, counters };
}

/** Undefined where heads stay whole. */
async function cutToRank(
  { runtime, model, encoded, settings, search, signal, onEvent }: Job,
  made: Pick<CutHeadsJob, "circuit" | "replacements" | "profile">,
): Promise<CutHeads | undefined> {
  const { headRank, target } = settings;
  if (headRank === undefined) return undefined;
  const common = { runtime, model: model.transformer, encoded, search, target, signal, onEvent };
  return cutHeads({ ...made, ...common }, headRank);
}

/** @throws PithError "task" if the settings don't allow the findings about the task. */
async function checkTask(job: Job): Promise<Preflight> {
  const { task, settings, onEvent } = job;
  const preflight = await preflightEncoded({ ...job, bos: settings.bos, chat: settings.chat });
  refuseUnfit(preflight, settings, { file: task.path });
  onEvent?.({ kind: "preflight", preflight });
  return preflight;
}

interface Searched {
  readonly replacements: Replacements;
  readonly firstPosition: FirstPositionDecision | undefined;
  readonly outcome: SearchOutcome;
  readonly removeJournal: () => Promise<void>;
}

async function runSearch(job: Job, key: string): Promise<Searched> {
  const { model, encoded, settings, search, runtime, out, signal, onEvent } = job;
  onEvent?.({ kind: "step", step: "activations" });
  const { ablation, valueBias, means, firstPosition: choice } = settings;
  const { evaluator, replacements, firstPosition } = await prepareSearch(
    runtime,
    model.transformer,
    searchSets(encoded),
    { ablation, valueBias, means, firstPosition: choice, neurons: prunesNeurons(settings), signal },
  );
  if (firstPosition?.sink !== undefined && firstPosition.firstPosition === "apart")
    onEvent?.({ kind: "note", note: sinkNote(firstPosition.sink) });
  onEvent?.({ kind: "step", step: "search" });
  const inputs: SearchInputs = {
    ...{ ...searchInputs(job), evaluator, replacements },
    isRight(index, logits) {
      const example = encoded.validation[index];
      if (example === undefined) throw new RangeError(`no validation example ${index}`);
      return isRight(example, logits);
    },
    openGates: async () => openTaskGates({ runtime, model: model.transformer, encoded, replacements }),
    cuts: true,
    onEvent: (event) => tell(job, event),
  };
  let removeJournal = async () => {};
  const outcome = await search.run(inputs, async (schema, firstFault) => {
    const journal = await openSearchJournal({ out, key, resume: settings.resume, schema, firstFault });
    removeJournal = journal.remove;
    return journal;
  });
  await evaluator.close();
  return { replacements, firstPosition, outcome, removeJournal };
}

/** Whether neurons are candidates, so that their means are needed. */
function prunesNeurons({ mlps, components }: SearchSettings): boolean {
  return mlps && searchUnitsNamed(components).splitsMlps === true;
}

/** Inputs that the search and its repetitions share. */
function searchInputs({
  model,
  settings,
  signal,
}: Job): Omit<SearchInputs, "evaluator" | "replacements" | "isRight" | "onEvent"> {
  const { mlps, components, target, constants, seed } = settings;
  const units = searchUnitsNamed(components);
  return { model: model.transformer, mlps, units, target, joint: constants === "joint", seed, signal };
}

function tell({ model, settings, onEvent }: Job, event: SearchEvent): void {
  switch (event.kind) {
    case "begin":
      onEvent?.({
        kind: "search",
        layers: model.transformer.blocks.length,
        headsPerLayer: headCountsOf(model.transformer),
        candidates: event.candidates,
        mlps: settings.mlps,
        resumed: event.resumed,
      });
      break;
    case "decision":
      onEvent?.(event);
      break;
    case "progress":
      onEvent?.({ kind: "progress", step: "search", done: event.done, total: event.total });
      break;
  }
}

/** Constants that were trained with masks are fitted once more, so the KL that is reached is that of the shipped model. */
function metWith(
  { reached, tried, ...met }: MetTarget,
  metrics: CircuitFile["metrics"],
  constants: StreamConstants | undefined,
) {
  const kl = constants === undefined ? reached.kl : (metrics.kl.validation ?? reached.kl);
  return { ...met, reached: { ...reached, kl }, tried: [...tried] };
}

/** Undefined if the constants are to be means. @param start vectors that were trained with the masks of the search. */
async function runFit(
  { model, encoded, settings, runtime, signal, onEvent }: Job,
  circuit: Circuit,
  replacements: Replacements,
  start: StreamConstants | undefined,
): Promise<TaskConstants | undefined> {
  const { constants: kind, seed } = settings;
  if (kind === "mean") return undefined;
  return fitTaskConstants({
    ...{ runtime, model: model.transformer, encoded, circuit, replacements, kind, start, signal, onEvent },
    numbers: { ...defaultFitNumbers, seed },
  });
}

/** Undefined if no bootstrap is requested. */
async function runBootstrap(
  job: Job,
  key: string,
  full: SearchOutcome,
  decided: FirstPositionDecision | undefined,
): Promise<MeasuredStability | undefined> {
  const { model, encoded, settings, search, runtime, out, signal, onEvent } = job;
  const { bootstrap } = settings;
  if (bootstrap === undefined) return undefined;
  return measureStability({
    ...{ model: model.transformer, sets: searchSets(encoded), settings: { ...settings, bootstrap } },
    firstPosition: decided?.firstPosition,
    find: (evaluator, replacements) =>
      search.run({
        ...{ ...searchInputs(job), evaluator, replacements },
        ...{ isRight: undefined, onEvent: () => {} },
      }),
    ...{ runtime, full, out, key, signal, onEvent },
  });
}

async function hashSources({ model, task, signal }: Job): Promise<Sources> {
  const files = await weightFiles(model, signal);
  return { files, task: task.sha256, labels: task.labels };
}

/** Equal keys mean equal decisions: the key has everything that a decision depends on. */
function searchKey(sources: Sources, { settings, search, model }: Job): string {
  const { constants, target, ablation, valueBias, mlps, components, means, firstPosition, bos, chat, seed } =
    settings;
  const { name, options } = search;
  const named = {
    pith: packageVersion(),
    sources,
    search: { name, options },
    target,
    ...(constants === "joint" && { constants }),
    ablation,
    ...(ablation === "zero" && { valueBias }),
    ...{ mlps, means, bos, seed },
    ...(chat && { chat: chatTemplateOf(model.tokenizer.files).source }),
    ...(components !== singleComponents.name && { components }),
    ...(ablation === "mean" && means === "pooled" && { firstPosition }),
  };
  return createHash("sha256").update(JSON.stringify(named)).digest("hex");
}
