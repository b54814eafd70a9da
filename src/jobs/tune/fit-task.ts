/** Fits the constants of a task's circuit, and measures what the circuit costs without them. */
import { patchedGates } from "../../cut/patched.ts";
import { fitConstants, fitPrompts } from "../../discovery/fitted/fit-constants.ts";
import type { FitNumbers } from "../../discovery/fitted/fit-options.ts";
import { trainableCircuit } from "../../discovery/fitted/trainable-circuit.ts";
import type { StreamConstants } from "../../discovery/gates/gate-passes.ts";
import type { Replacements } from "../../discovery/replacements.ts";
import type { ConstantsRecord } from "../../export/constants-record.ts";
import { answerLogits } from "../../measure/answer-logits.ts";
import { evaluateSplit, type GiveLogits } from "../../measure/compare.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { EncodedTask } from "../../tasks/encode-task.ts";
import type { Circuit } from "../../transformer/circuit.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import type { OnEvent } from "../events.ts";
import { openTaskGates } from "../open-gates.ts";

export interface TaskFit {
  readonly runtime: Runtime;
  /** The original. */
  readonly model: Transformer;
  readonly encoded: EncodedTask;
  readonly circuit: Circuit;
  /** Means, with those of neurons where the circuit keeps an MLP in part. */
  readonly replacements: Replacements;
  readonly kind: ConstantsRecord["kind"];
  readonly numbers: FitNumbers;
  /** The vectors to begin with; left out: the means. */
  readonly start?: StreamConstants | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: OnEvent | undefined;
}

/** Vectors for a circuit, and their record. */
export interface TaskConstants {
  readonly constants: StreamConstants;
  readonly record: ConstantsRecord;
}

/** @throws PithError "task" for fewer than two prompts; "runtime" where a gradient is no number. */
export async function fitTaskConstants(fit: TaskFit): Promise<TaskConstants> {
  const { model, circuit, kind, numbers, start, signal, onEvent } = fit;
  onEvent?.({ kind: "step", step: "train" });
  const { gated, engine } = openTaskGates(fit);
  try {
    const trainable = await trainableCircuit({ engine, circuit, replacements: fit.replacements, signal });
    const { constants, learned, held, ...course } = await fitConstants({
      ...{ model, trainable, numbers, start, prompts: fitPrompts(gated.prompts) },
      onStep: (done, total) => onEvent?.({ kind: "progress", step: "train", done, total }),
    });
    const { batch, rate, seed } = numbers;
    const plain = await measurePlain(fit);
    return { constants, record: { kind, ...course, batch, rate, seed, prompts: { learned, held }, plain } };
  } finally {
    await gated.close();
  }
}

/** The circuit with the means in the place of what was pruned. */
async function measurePlain({
  runtime,
  model,
  encoded,
  circuit,
  replacements,
  signal,
}: TaskFit): Promise<ConstantsRecord["plain"]> {
  const gates = patchedGates(model, circuit, replacements);
  const own: GiveLogits = (prompts, visit) => answerLogits(runtime, model, prompts, visit, { gates, signal });
  const original: GiveLogits = (prompts, visit) => answerLogits(runtime, model, prompts, visit, { signal });
  const plain: ConstantsRecord["plain"] = { kl: {}, accuracy: {} };
  for (const split of ["validation", "test"] as const) {
    if (encoded[split].length === 0) continue;
    const { kl, accuracy } = await evaluateSplit(encoded[split], own, original);
    plain.kl[split] = kl ?? Number.NaN;
    plain.accuracy[split] = accuracy;
  }
  return plain;
}
