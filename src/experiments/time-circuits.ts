/**
 * Time and bytes of the circuits that stand in the tables (Node): each is cut out of the model and run beside
 * the original, one prompt at a time, in turns, as `pith extract` times what it ships.
 */
import { planSafetensors } from "../checkpoint/safetensors-writer.ts";
import { meanReplacements } from "../discovery/replacements.ts";
import { lastPosition } from "../evaluation/answer-logits.ts";
import { engineTime } from "../evaluation/engine-time.ts";
import { type Timing, timeInTurns } from "../evaluation/latency.ts";
import { countParameters } from "../evaluation/parameters.ts";
import { shippedLogits } from "../evaluation/shipped-logits.ts";
import type { Profile } from "../export/config-json.ts";
import { shipModel } from "../export/ship-model.ts";
import { tensorsToStore } from "../export/stored-weights.ts";
import type { Model } from "../pipeline/load-model.ts";
import { describeGraph } from "../pipeline/measure.ts";
import type { Runtime, Session } from "../runtime/runtime.ts";
import { cutCircuit } from "../surgery/cut-circuit.ts";
import type { EncodedTask } from "../tasks/encode-task.ts";
import type { Circuit } from "../transformer/circuit.ts";
import type { Transformer } from "../transformer/transformer.ts";

export interface TimedCircuit {
  readonly original: Timing;
  readonly circuit: Timing;
  readonly bytes: { readonly original: number; readonly circuit: number };
}

export interface TimeOptions {
  readonly means: "aligned" | "pooled";
  /** Milliseconds for each pair of models. */
  readonly budget: number;
  readonly signal?: AbortSignal | undefined;
  /** Called when a circuit is done. */
  readonly onTimed?: () => void;
}

/** @returns one for each circuit, in their order; those that are equal are timed once. */
export async function timeCircuits(
  runtime: Runtime,
  model: Model,
  encoded: EncodedTask,
  circuits: readonly Circuit[],
  { means, budget, signal, onTimed }: TimeOptions,
): Promise<readonly TimedCircuit[]> {
  if (circuits.length === 0) return [];
  const patching = encoded.patching.map(({ forced }) => forced);
  const replacements = await meanReplacements(runtime, model.transformer, patching, means, { signal });
  const profile: Profile =
    means === "aligned"
      ? { kind: "aligned", length: encoded.validation[0]?.forced.length ?? 0 }
      : { kind: "decoder" };
  const prompts = encoded.validation.map(({ ids }) => lastPosition(ids));
  // As float32, like the circuit's: its own files may hold narrower numbers (nano's do).
  const bytesOfOriginal = Float32Array.BYTES_PER_ELEMENT * countParameters(model.transformer).total;
  const whole = await loadShipped(runtime, model.transformer, profile);
  const done = new Map<string, TimedCircuit>();
  const timed: TimedCircuit[] = [];
  try {
    for (const circuit of circuits) {
      signal?.throwIfAborted();
      const key = JSON.stringify([circuit.heads, circuit.mlps]);
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
    await part.session.unload();
    return { original, circuit: own, bytes: { original: bytesOfOriginal, circuit: part.bytes } };
  }
}

async function loadShipped(runtime: Runtime, model: Transformer, profile: Profile) {
  const { graph } = shipModel(model, profile);
  // The size of the file that `pith extract` writes: same tensors, same layout, same metadata.
  const bytes = planSafetensors(tensorsToStore(graph), { format: "pith" }).totalBytes;
  return { bytes, session: await runtime.load(graph), description: describeGraph(model, profile) };
}
