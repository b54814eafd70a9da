/**
 * The stability of an extraction's circuit (Node): its search is repeated on resampled prompts, spread over the
 * available threads; each run goes to a journal, and the results become the record in circuit.json.
 */
import { availableParallelism } from "node:os";
import { z } from "zod";
import {
  type BootstrapOptions,
  type BootstrapRun,
  bootstrap,
  drawResamples,
} from "../../discovery/bootstrap.ts";
import { faultInRuns } from "../../discovery/check-runs.ts";
import type { FirstPosition } from "../../discovery/first-position.ts";
import type { SearchSets } from "../../discovery/prepare.ts";
import type { SearchResult } from "../../discovery/searches/decision.ts";
import type { StabilityRecord } from "../../export/stability-record.ts";
import { frequentCircuit, stabilityOf } from "../../measure/stability.ts";
import { workerRuntime } from "../../runtime/node-runtime.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { createRandom } from "../../tasks/random.ts";
import { type Circuit, circuitOfLists, listsOf } from "../../transformer/circuit.ts";
import { headCountsOf } from "../../transformer/component.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import type { OnEvent } from "../events.ts";
import type { SearchSettings } from "./extract-options.ts";
import { openSearchJournal } from "./search-journal.ts";

export interface StabilityJob {
  readonly model: Transformer;
  readonly sets: SearchSets;
  readonly settings: SearchSettings & { readonly bootstrap: number };
  /** Decided from all prompts; undefined if there was nothing to decide. */
  readonly firstPosition: FirstPosition | undefined;
  /** The runtime for the pass over the patching prompts. */
  readonly runtime: Runtime;
  /** The search that is repeated. */
  readonly find: BootstrapOptions["find"];
  /** The result of the search with all prompts. */
  readonly full: Pick<SearchResult, "circuit" | "kl">;
  /** The extraction's output folder; the journal lies beside it. */
  readonly out: string;
  /** Identifies the search: equal keys mean equal decisions. */
  readonly key: string;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: OnEvent | undefined;
}

export interface MeasuredStability {
  readonly record: StabilityRecord;
  /**
   * The circuit to ship: the components that were kept often enough if a frequency was chosen, else the full
   * data's.
   */
  readonly circuit: Circuit;
  /** Removes the journal, when all work that needs it is done. */
  readonly done: () => Promise<void>;
}

/**
 * Each run has an engine of its own, which holds one of the model's layers, the circuit above it and the
 * activations of its prompts. Engines of one thread each lose no time by sharing products, but more than these
 * would need more memory than they save time.
 */
const mostLanes = 4;

const layer = z.int().min(0);
/** A run in the journal. */
const runSchema = z.object({
  run: z.int().min(0),
  circuit: z.object({
    heads: z.array(z.tuple([layer, layer])),
    mlps: z.array(layer),
    neurons: z.array(z.tuple([layer, z.array(layer)])).exactOptional(),
  }),
  kl: z.number(),
});
type RunRecord = z.infer<typeof runSchema>;

const runOf = ({ run, circuit, kl }: RunRecord): BootstrapRun => ({
  ...{ run, kl },
  circuit: circuitOfLists(circuit),
});

const recordOfRun = ({ run, circuit, kl }: BootstrapRun): RunRecord => ({
  ...{ run, kl },
  circuit: listsOf(circuit),
});

/** @throws PithError "options" when the journal to resume is another search's; the signal's reason. */
export async function measureStability(job: StabilityJob): Promise<MeasuredStability> {
  const { model, sets, settings, firstPosition, runtime, find, full, signal, onEvent } = job;
  const { ablation, valueBias, means, bootstrap: runs, frequency: chosen, seed } = settings;
  const journal = await openSearchJournal<RunRecord>({
    ...{ out: job.out, key: job.key, resume: settings.resume, schema: runSchema, name: "bootstrap" },
    firstFault: (entries) => faultInRuns(model, entries.map(runOf)),
  });
  // A journal of more runs may be resumed with fewer: these are its first runs.
  const resume = journal.resumed.filter(({ run }) => run < runs).map(runOf);
  const resamples = drawResamples(sets, runs, createRandom(seed).below);
  onEvent?.({ kind: "progress", step: "bootstrap", done: resume.length, total: runs });

  const found = await withLanes(job, runs - resume.length, (lanes) =>
    bootstrap(runtime, lanes, model, sets, resamples, {
      ...{ ablation, valueBias, means, firstPosition, find, resume, signal },
      onRun: async (run, done, total) => {
        await journal.append(recordOfRun(run));
        onEvent?.({ kind: "progress", step: "bootstrap", done, total });
      },
    }),
  );

  const shape = {
    heads: headCountsOf(model),
    mlps: settings.mlps,
  };
  const { frequency, jaccard, chance, againstFull } = stabilityOf(
    found.map(({ circuit }) => circuit),
    full.circuit,
    shape,
  );
  const record: StabilityRecord = {
    ...{ runs, seed, jaccard, chance },
    againstFull: { components: [...againstFull.components], heads: [...againstFull.heads] },
    frequency: { heads: frequency.heads.map((shares) => [...shares]), mlps: [...frequency.mlps] },
    full: { kept: full.circuit, kl: full.kl },
    ...(chosen !== undefined && { chosen }),
  };
  const circuit = chosen === undefined ? full.circuit : frequentCircuit(frequency, chosen);
  return { record, circuit, done: () => journal.remove() };
}

/** Starts as many engines as are useful, and closes them at the end, or at once when the signal fires. */
async function withLanes<T>(
  { runtime, settings, signal }: Pick<StabilityJob, "runtime" | "settings" | "signal">,
  runs: number,
  work: (lanes: readonly Runtime[]) => Promise<T>,
): Promise<T> {
  // One graphics card is shared by all engines, so more of them are not faster.
  const threadsInAll = settings.threads ?? availableParallelism();
  // A bound of memory is one engine's.
  const isAlone = settings.device !== "cpu" || runtime.room !== undefined;
  const count = isAlone ? 1 : Math.min(mostLanes, threadsInAll, runs);
  if (count <= 1) return work([runtime]);
  const threads = Math.min(Math.floor(threadsInAll / count), runtime.threads);
  const lanes = Array.from({ length: count }, () => workerRuntime({ threads }));
  const close = () => Promise.all(lanes.map((lane) => lane.close()));
  const stop = () => void close();
  signal?.addEventListener("abort", stop);
  try {
    return await work(lanes);
  } finally {
    signal?.removeEventListener("abort", stop);
    await close();
  }
}
