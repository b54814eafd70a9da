/**
 * Ships a circuit in a narrower number format: it is converted, compared with its float32 form on the same
 * examples, and refused if it lost more than a stated bound.
 */
import { PithError } from "../../errors.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import type { Profile } from "../../export/config-json.ts";
import type { Dtype, NarrowDtype } from "../../export/dtype.ts";
import { withDtype } from "../../export/dtype-graph.ts";
import type { DtypeRecord } from "../../export/dtype-record.ts";
import type { FormatRecord } from "../../export/format-record.ts";
import { formatOf, withFormats } from "../../export/formats.ts";
import { describeGraph, shipModel } from "../../export/ship-model.ts";
import { speedRecord } from "../../export/speed-record.ts";
import type { PreparedFolder, WrittenModel } from "../../export/write-folder.ts";
import { answerLogits, scoredAtEnd } from "../../measure/answer-logits.ts";
import { evaluateSplit, type GiveLogits } from "../../measure/compare.ts";
import { engineTime } from "../../measure/engine-time.ts";
import { type Timing, timeInTurns } from "../../measure/latency.ts";
import { shippedLogits } from "../../measure/shipped-logits.ts";
import type { SpeedRatio } from "../../measure/speed-ratio.ts";
import type { Graph } from "../../onnx/graph.ts";
import type { Runtime, Session } from "../../runtime/runtime.ts";
import type { EncodedExample, EncodedTask } from "../../tasks/encode-task.ts";
import type { FoldedTransformer } from "../../transformer/transformer.ts";
import type { OnEvent } from "../events.ts";
import type { Model } from "../load-model.ts";

/** The largest loss without `force`. @internal */
export const dtypeBounds = {
  /** Share of examples, on validation or test set. */
  accuracy: 0.01,
  /** KL(float32 circuit ‖ this one) in nats: the default α, the allowed cost of one more component. */
  kl: 0.02,
} as const;

export interface DtypeJob {
  readonly runtime: Runtime;
  /** The graph with float32 weights. */
  readonly graph: Graph;
  /** A function from a session to its answers. */
  readonly give: (session: Session) => GiveLogits;
  /** The folder with the float32 model; the caller discards it if this fails. */
  readonly prepared: PreparedFolder;
  /** Whether the float32 model is kept beside the converted one; otherwise it is replaced. */
  readonly beside?: boolean;
  readonly examples: Readonly<Partial<Record<Split, readonly EncodedExample[]>>>;
  /** The model that the circuit was cut from, if it is available and has the same outputs as the circuit. */
  readonly original: GiveLogits | undefined;
  readonly dtype: NarrowDtype;
  readonly force: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: OnEvent | undefined;
}

type Split = "validation" | "test";
const splits = ["validation", "test"] as const;

/**
 * @param circuit the float32 circuit's record.
 * @returns the converted circuit's record: `metrics` are its own, and the float32 circuit's are in `dtype`. KL to
 * the original is left out if the original is not available. A compiled circuit's `metrics` stay those of the
 * circuit that was compiled, over the whole vocabulary; its own scores are in `dtype`.
 * @throws PithError "verification" for a loss above the bounds, without `force`.
 */
export async function shipAs(job: DtypeJob, circuit: CircuitFile): Promise<CircuitFile> {
  const { runtime, graph, dtype, examples, onEvent } = job;
  onEvent?.({ kind: "step", step: "export" });
  const float32Session = await runtime.load(graph);
  const { modelPath, bytes } = await write(job);
  const session = await runtime.loadFile(modelPath, { plain: bytes, packed: bytes });
  const [own, float32] = [job.give(session), job.give(float32Session)];

  onEvent?.({ kind: "step", step: "measure" });
  const accuracy = { ...circuit.metrics.accuracy };
  const kl: CircuitFile["metrics"]["kl"] = {};
  const ownAccuracy: DtypeRecord["accuracy"] = {};
  const divergence: DtypeRecord["divergence"] = {};
  const float32Accuracy: DtypeRecord["float32"]["accuracy"] = {};
  for (const split of splits) {
    const members = examples[split] ?? [];
    if (members.length === 0) continue;
    const rowsAtOnce = runtime.room?.logitRows;
    const beside = await evaluateSplit(members, own, float32, { rowsAtOnce });
    divergence[split] = beside.kl ?? Number.NaN;
    float32Accuracy[split] = beside.originalAccuracy ?? Number.NaN;
    ownAccuracy[split] = beside.accuracy;
    const before = circuit.metrics.accuracy[split];
    if (before !== undefined) accuracy[split] = { ...before, circuit: beside.accuracy };
    if (job.original !== undefined) {
      kl[split] = (await evaluateSplit(members, own, job.original, { rowsAtOnce })).kl ?? Number.NaN;
    }
    if (!job.force) checkLoss(dtype, split, float32Accuracy[split], beside.accuracy, divergence[split]);
  }
  const [float32Time, ownTime, speed] = await time(job, float32, own);
  await session.unload();
  await float32Session.unload();
  return {
    ...circuit,
    metrics: {
      ...withoutTimes(circuit.metrics),
      ...(circuit.compiled === undefined && { accuracy, kl }),
      bytes: { ...circuit.metrics.bytes, circuit: bytes },
    },
    dtype: {
      weights: dtype,
      accuracy: ownAccuracy,
      divergence,
      milliseconds: ownTime.median,
      speed: speedRecord(speed),
      float32: {
        accuracy: float32Accuracy,
        bytes: circuit.metrics.bytes.circuit,
        milliseconds: float32Time.median,
      },
    },
  };
}

async function write({ prepared, graph, dtype, beside = false }: DtypeJob): Promise<WrittenModel> {
  const narrow = withDtype(graph, dtype);
  if (beside) return prepared.addModel(narrow, dtype);
  return { bytes: await prepared.replaceModel(narrow), modelPath: prepared.modelPath };
}

/**
 * Ships further formats beside the float32 model, each as {@link shipAs} does.
 * @returns the new circuit.json: `circuit`, with the formats in its list.
 */
export async function shipBeside(
  job: Omit<DtypeJob, "dtype" | "beside">,
  circuit: CircuitFile,
  formats: readonly NarrowDtype[],
): Promise<CircuitFile> {
  const added: FormatRecord[] = [];
  for (const dtype of formats) added.push(formatOf(await shipAs({ ...job, dtype, beside: true }, circuit)));
  return added.length === 0 ? circuit : withFormats(circuit, added);
}

/**
 * Ships a new standalone model in the number formats that the options ask for; in float32, returns `circuit`
 * unchanged.
 */
export function shipStandaloneAs(
  job: Pick<DtypeJob, "runtime" | "signal" | "onEvent"> & {
    readonly model: Model;
    readonly encoded: EncodedTask;
    readonly settings: {
      readonly dtype: Dtype;
      readonly formats: readonly NarrowDtype[];
      readonly force: boolean;
    };
  },
  fresh: {
    readonly circuit: CircuitFile;
    readonly standalone: FoldedTransformer;
    readonly profile: Profile;
    readonly prepared: PreparedFolder;
  },
): Promise<CircuitFile> {
  const { runtime, model, encoded, signal, onEvent } = job;
  const { dtype, formats, force } = job.settings;
  const { circuit, standalone, profile, prepared } = fresh;
  if (dtype === "f32" && formats.length === 0) return Promise.resolve(circuit);
  const { graph } = shipModel(standalone, profile);
  const shipped = describeGraph(standalone, profile);
  const original: GiveLogits = (prompts, visit) =>
    answerLogits(runtime, model.transformer, prompts, visit, { signal });
  const give = (session: Session): GiveLogits => {
    return (prompts, visit) => shippedLogits(runtime, session, shipped, prompts, visit, signal);
  };
  const base = { runtime, graph, give, prepared, examples: encoded, original, force, signal, onEvent };
  return dtype === "f32" ? shipBeside(base, circuit, formats) : shipAs({ ...base, dtype }, circuit);
}

/** The float32 circuit's times and year mass do not apply to this one. */
function withoutTimes({ milliseconds: _, yearMass: __, ...metrics }: CircuitFile["metrics"]) {
  return metrics;
}

/** @throws PithError "verification" above `dtypeBounds`; NaN counts as a loss. @internal */
export function checkLoss(dtype: string, split: Split, before: number, after: number, kl: number): void {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const advice = "Choose a wider format, or accept it with --force.";
  // A small tolerance for rounding: a loss of exactly the bound passes.
  if (!(before - after <= dtypeBounds.accuracy + 1e-9)) {
    throw new PithError(
      "verification",
      `in ${dtype} the circuit is right on ${percent(after)} of the ${split} set, in float32 on ${percent(before)}; a loss of ${percent(dtypeBounds.accuracy)} is allowed.`,
      { advice },
    );
  }
  if (!(kl <= dtypeBounds.kl)) {
    throw new PithError(
      "verification",
      `in ${dtype} the circuit diverges from itself in float32 by ${kl.toPrecision(3)} nats on the ${split} set; ${dtypeBounds.kl} are allowed.`,
      { advice },
    );
  }
}

/** One prompt at a time, the two in turns. */
async function time(
  { runtime, examples, signal }: DtypeJob,
  float32: GiveLogits,
  own: GiveLogits,
): Promise<readonly [Timing, Timing, SpeedRatio]> {
  const prompts = splits.flatMap((split) => examples[split] ?? []);
  let turn = 0;
  const runOne = (give: GiveLogits) => () => {
    const example = prompts[Math.floor(turn++ / 2) % prompts.length];
    return engineTime(runtime, () => give([scoredAtEnd(example?.ids ?? [])], () => {}));
  };
  return timeInTurns(runOne(float32), runOne(own), { budget: 1000, signal });
}
