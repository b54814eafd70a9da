/**
 * Measures time and bytes of the tables' circuits (Node). Each circuit is cut out of the model and run in turns
 * with the original: one prompt at a time, as `pith extract` times what it ships, and all validation prompts at
 * once, as the paper's code does.
 */
import { planSafetensors } from "../checkpoint/safetensors-writer.ts";
import { cutCircuit } from "../cut/cut-circuit.ts";
import type { FirstPositionChoice } from "../discovery/first-position.ts";
import { meanReplacements } from "../discovery/replacements.ts";
import { decoderProfile, type Profile } from "../export/config-json.ts";
import { describeGraph, shipModel } from "../export/ship-model.ts";
import { tensorsToStore } from "../export/stored-weights.ts";
import type { Model } from "../jobs/load-model.ts";
import { scoredAtEnd } from "../measure/answer-logits.ts";
import { engineTime } from "../measure/engine-time.ts";
import { type Timing, timeInTurns } from "../measure/latency.ts";
import { countParameters } from "../measure/parameters.ts";
import { shippedLogits } from "../measure/shipped-logits.ts";
import type { Runtime, Session } from "../runtime/runtime.ts";
import type { EncodedTask } from "../tasks/encode-task.ts";
import { type Circuit, circuitKey } from "../transformer/circuit.ts";
import type { AnyTransformer } from "../transformer/transformer.ts";

export interface TimedCircuit {
  readonly original: Timing;
  readonly circuit: Timing;
  /** Milliseconds for a whole validation set, the mean of five calls, as in the paper: see `timeBatches`. */
  readonly batch: { readonly original: number; readonly circuit: number };
  readonly bytes: { readonly original: number; readonly circuit: number };
}

export interface TimeOptions {
  readonly means: "aligned" | "pooled";
  /** Of pooled means; left out: as the model has it. */
  readonly firstPosition?: FirstPositionChoice | undefined;
  /** Milliseconds for each pair of models. */
  readonly budget: number;
  readonly signal?: AbortSignal | undefined;
  /** Called when a circuit is done. */
  readonly onTimed?: () => void;
}

/** @returns one timing for each circuit, in the same order; equal circuits are timed once. */
export async function timeCircuits(
  runtime: Runtime,
  model: Model,
  encoded: EncodedTask,
  circuits: readonly Circuit[],
  { means, firstPosition = "auto", budget, signal, onTimed }: TimeOptions,
): Promise<readonly TimedCircuit[]> {
  if (circuits.length === 0) return [];
  const patching = encoded.patching.map(({ forced }) => forced);
  const replacements = await meanReplacements(runtime, model.transformer, patching, means, {
    ...{ firstPosition, signal },
  });
  const profile: Profile =
    means === "aligned"
      ? { kind: "aligned", length: encoded.validation[0]?.forced.length ?? 0 }
      : decoderProfile(model.transformer, "uniform");
  const prompts = encoded.validation.map(({ ids }) => scoredAtEnd(ids));
  // The size as float32, like the circuit's: the original's own files may hold narrower numbers (nano's do).
  const bytesOfOriginal = Float32Array.BYTES_PER_ELEMENT * countParameters(model.transformer).total;
  const whole = await loadShipped(runtime, model.transformer, profile);
  const done = new Map<string, TimedCircuit>();
  const timed: TimedCircuit[] = [];
  try {
    for (const circuit of circuits) {
      signal?.throwIfAborted();
      const key = circuitKey(circuit);
      const known = done.get(key);
      const result = known ?? (await timeOne(circuit));
      done.set(key, result);
      timed.push(result);
      onTimed?.();
    }
  } finally {
    await whole.session.unload().catch(() => {});
  }
  return timed;

  /** Runs all validation prompts, in as few runs as their lengths allow. */
  function runAll(graph: Session, description: ReturnType<typeof describeGraph>): Promise<number> {
    return engineTime(runtime, () => shippedLogits(runtime, graph, description, prompts, () => {}, signal));
  }

  async function timeOne(circuit: Circuit): Promise<TimedCircuit> {
    const standalone = await cutCircuit(model.transformer, circuit, replacements);
    const part = await loadShipped(runtime, standalone, profile);
    let turn = 0;
    const runOne = (graph: Session, description: ReturnType<typeof describeGraph>) => () => {
      const prompt = prompts[Math.floor(turn++ / 2) % prompts.length];
      return engineTime(runtime, () =>
        shippedLogits(runtime, graph, description, prompt === undefined ? [] : [prompt], () => {}),
      );
    };
    const [original, own] = await timeInTurns(
      runOne(whole.session, whole.description),
      runOne(part.session, part.description),
      { budget, signal },
    );
    const batch = await timeBatches(
      () => runAll(whole.session, whole.description),
      () => runAll(part.session, part.description),
    );
    await part.session.unload();
    return { original, circuit: own, batch, bytes: { original: bytesOfOriginal, circuit: part.bytes } };
  }
}

/** The paper's code averages this many calls. */
const batchCalls = 5;

/** The mean of five calls each, in turns, after one call of each that is not counted. */
async function timeBatches(
  original: () => Promise<number>,
  circuit: () => Promise<number>,
): Promise<TimedCircuit["batch"]> {
  await original();
  await circuit();
  const sums = { original: 0, circuit: 0 };
  for (let call = 0; call < batchCalls; call++) {
    sums.original += await original();
    sums.circuit += await circuit();
  }
  return { original: sums.original / batchCalls, circuit: sums.circuit / batchCalls };
}

async function loadShipped(runtime: Runtime, model: AnyTransformer, profile: Profile) {
  const { graph } = shipModel(model, profile);
  // The size of the file that `pith extract` writes: same tensors, same layout, same metadata.
  const bytes = planSafetensors(tensorsToStore(graph), { format: "pith" }).totalBytes;
  return { bytes, session: await runtime.load(graph), description: describeGraph(model, profile) };
}
