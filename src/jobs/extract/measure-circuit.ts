/**
 * Measures a new export. First it is verified: the shipped graph is compared with the patched model, prompt by
 * prompt on the validation set. Then accuracy and KL relative to the original, sizes, and time are measured.
 */

import type { HeadCut } from "../../cut/head-cut.ts";
import { patchedCut } from "../../cut/patched.ts";
import type { StreamConstants } from "../../discovery/gates/gate-passes.ts";
import type { Replacements } from "../../discovery/replacements.ts";
import { PithError } from "../../errors.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import type { Profile } from "../../export/config-json.ts";
import { describeGraph, shipModel, shippedTransformer } from "../../export/ship-model.ts";
import { speedRecord } from "../../export/speed-record.ts";
import type { PreparedFolder } from "../../export/write-folder.ts";
import { answerLogits, scoredAtEnd } from "../../measure/answer-logits.ts";
import { evaluateSplit, type GiveLogits, largestLogitDifference } from "../../measure/compare.ts";
import { engineTime } from "../../measure/engine-time.ts";
import { type Timing, timeInTurns } from "../../measure/latency.ts";
import { countParameters } from "../../measure/parameters.ts";
import { sessionInUse } from "../../measure/session-in-use.ts";
import { type ShippedGraph, shippedLogits } from "../../measure/shipped-logits.ts";
import type { SpeedRatio } from "../../measure/speed-ratio.ts";
import { yearScale } from "../../measure/year-mass.ts";
import { loadingFactor } from "../../runtime/room.ts";
import type { Runtime, Session } from "../../runtime/runtime.ts";
import type { EncodedTask } from "../../tasks/encode-task.ts";
import type { Circuit } from "../../transformer/circuit.ts";
import type { FoldedTransformer } from "../../transformer/transformer.ts";
import type { OnEvent } from "../events.ts";
import type { Model } from "../load-model.ts";
import { loadedSize } from "../memory/memory-sizes.ts";
import { tokenIds } from "../prompts.ts";
import { fitsOneGraph, float32Bytes } from "./original-run.ts";

/** Two float32 models that compute the same function differ only by rounding, a hundred times less than this. */
const verificationTolerance = 1e-3;

export interface MeasureJob {
  readonly runtime: Runtime;
  readonly model: Model;
  readonly encoded: EncodedTask;
  readonly circuit: Circuit;
  readonly replacements: Replacements;
  /** How kept heads were cut; undefined: they are whole. */
  readonly cut: HeadCut | undefined;
  /** Vectors that were fitted to the circuit; left out: none. */
  readonly constants?: StreamConstants | undefined;
  readonly standalone: FoldedTransformer;
  readonly profile: Profile;
  readonly prepared: PreparedFolder;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: OnEvent | undefined;
}

export interface Measured {
  readonly metrics: CircuitFile["metrics"];
  /** Undefined where the original is too large to be timed as one graph. */
  readonly timing: ExtractionTiming | undefined;
}

/** The time of a prompt for original and circuit, one at a time, in turns in the same engine. */
export interface ExtractionTiming {
  /** The original's time for a prompt. */
  readonly original: Timing;
  /** The circuit's time for a prompt. */
  readonly circuit: Timing;
  /** The circuit's speed relative to the original. */
  readonly speed: SpeedRatio;
}

/** @throws PithError "verification" when the two models disagree. */
export async function measureCircuit(job: MeasureJob): Promise<Measured> {
  const { runtime, model, encoded, standalone, profile, prepared, signal, onEvent } = job;
  const shipped = describeGraph(standalone, profile);
  const size = loadedSize(model.transformer, prepared.bytes);
  const loaded = await sessionInUse(runtime, () => runtime.loadFile(prepared.modelPath, size));
  const circuit: GiveLogits = (prompts, visit) =>
    loaded.use((session) => shippedLogits(runtime, session, shipped, prompts, visit, signal));
  const original: GiveLogits = (prompts, visit) =>
    answerLogits(runtime, model.transformer, prompts, visit, { signal });

  onEvent?.({ kind: "step", step: "verify" });
  const verified = await verify(job, circuit);

  onEvent?.({ kind: "step", step: "measure" });
  const accuracy: CircuitFile["metrics"]["accuracy"] = {};
  const kl: CircuitFile["metrics"]["kl"] = {};
  const yearMass: NonNullable<CircuitFile["metrics"]["yearMass"]> = {};
  const total = encoded.validation.length + encoded.test.length;
  let measured = 0;
  for (const split of ["validation", "test"] as const) {
    if (encoded[split].length === 0) continue;
    const before = measured;
    const result = await evaluateSplit(encoded[split], circuit, original, {
      years: yearScale(encoded[split], model.tokenizer),
      rowsAtOnce: runtime.room?.logitRows,
      onProgress(done) {
        measured = before + done;
        onEvent?.({ kind: "progress", step: "measure", done: measured, total });
      },
    });
    accuracy[split] = { original: result.originalAccuracy ?? Number.NaN, circuit: result.accuracy };
    kl[split] = result.kl ?? Number.NaN;
    if (result.yearMass !== undefined && result.originalYearMass !== undefined) {
      yearMass[split] = { original: result.originalYearMass, circuit: result.yearMass };
    }
  }
  const timing = isTimed(job) ? await loaded.use((session) => time(job, session, shipped)) : undefined;
  await loaded.end();
  return {
    timing,
    metrics: {
      accuracy,
      kl,
      ...(Object.keys(yearMass).length > 0 && { yearMass }),
      parameters: {
        original: countParameters(model.transformer),
        circuit: countParameters(shippedTransformer(standalone, profile)),
      },
      bytes: {
        original: model.files.reduce((sum, file) => sum + file.size, 0),
        circuit: prepared.bytes,
      },
      ...(timing === undefined
        ? { originalRun: "layer by layer" }
        : {
            milliseconds: {
              original: timing.original.median,
              circuit: timing.circuit.median,
              speed: speedRecord(timing.speed),
            },
          }),
      verified,
    },
  };
}

/** Original and circuit are loaded beside each other to be timed. */
function isTimed({ runtime, model, prepared }: MeasureJob): boolean {
  const { room } = runtime;
  const { packed } = loadedSize(model.transformer, prepared.bytes);
  const beside = packed + loadingFactor * float32Bytes(model.transformer);
  return (
    fitsOneGraph(model.transformer) &&
    (room === undefined || beside <= Math.min(room.weightBytes, room.fileBytes))
  );
}

/** The largest difference of any logit between the shipped graph and the patched model on the validation set. */
async function verify(
  { runtime, model, encoded, circuit, replacements, cut, constants, signal }: MeasureJob,
  shipped: GiveLogits,
): Promise<number> {
  const own = patchedCut(model.transformer, circuit, replacements, cut, constants);
  const patched: GiveLogits = (prompts, visit) =>
    answerLogits(runtime, own.model, prompts, visit, { gates: own.gates, signal });
  const rows = runtime.room?.logitRows;
  const largest = await largestLogitDifference(encoded.validation, shipped, patched, rows);
  if (!(largest <= verificationTolerance)) {
    throw new PithError(
      "verification",
      `the exported circuit and the patched model differ by ${largest} in a logit; ${verificationTolerance} is allowed. Nothing was written.`,
      { advice: "Please report this: it is a fault of Pith or of the compute engine, not of your input." },
    );
  }
  return largest;
}

/** One prompt at a time, original and circuit in turns, both lowered by the same code. */
async function time(
  { runtime, model, encoded, profile, signal }: MeasureJob,
  session: Session,
  shipped: ShippedGraph,
): Promise<ExtractionTiming> {
  const original = await runtime.load(shipModel(model.transformer, profile).graph);
  const whole = describeGraph(model.transformer, profile);
  const prompts = tokenIds(encoded.validation);
  let turn = 0;
  const runOne = (graph: Session, description: ShippedGraph) => () => {
    const prompt = prompts[Math.floor(turn++ / 2) % prompts.length] ?? [];
    return engineTime(runtime, () =>
      shippedLogits(runtime, graph, description, [scoredAtEnd(prompt)], () => {}),
    );
  };
  const [originalTiming, circuitTiming, speed] = await timeInTurns(
    runOne(original, whole),
    runOne(session, shipped),
    { signal },
  );
  await original.unload();
  return { original: originalTiming, circuit: circuitTiming, speed };
}
