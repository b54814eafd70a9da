/**
 * Measures a compiled circuit. First it is verified on every prompt: against the circuit's own graph, and against
 * the patched model if the original is available. Then accuracy over its answers and over the whole vocabulary,
 * size, and time are measured.
 */

import { patchedCut } from "../../cut/patched.ts";
import { meanReplacements, zeroAblation } from "../../discovery/replacements.ts";
import { PithError } from "../../errors.ts";
import { shippedGraph } from "../../export/ask-circuit.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import type { CompiledRecord } from "../../export/compiled-record.ts";
import type { CircuitFolder } from "../../export/read-folder.ts";
import { speedRecord } from "../../export/speed-record.ts";
import type { PreparedFolder } from "../../export/write-folder.ts";
import { type PromptVocabulary, rowCount } from "../../lowering/compiled.ts";
import { answerLogits, scoredAtEnd } from "../../measure/answer-logits.ts";
import { evaluateSplit, type GiveLogits, largestLogitDifference } from "../../measure/compare.ts";
import { centred, compiledScores, ofAnswers, withPlaces } from "../../measure/compiled-scores.ts";
import { engineTime } from "../../measure/engine-time.ts";
import { type Timing, timeInTurns } from "../../measure/latency.ts";
import type { ParameterCount } from "../../measure/parameters.ts";
import { shippedLogits } from "../../measure/shipped-logits.ts";
import type { SpeedRatio } from "../../measure/speed-ratio.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { EncodedExample } from "../../tasks/encode-task.ts";
import { countKept } from "../../transformer/circuit.ts";
import type { OnEvent } from "../events.ts";
import { cutAsRecorded } from "../extract/cut-heads.ts";
import type { Model } from "../load-model.ts";
import { tokenIds } from "../prompts.ts";
import type { Task } from "../read-task.ts";

/**
 * For an answer's logit, less the mean of the prompt's; small, because the tables are computed by the same
 * kernels.
 */
const compiledTolerance = 1e-4;

/** A task's prompts as the circuit reads them. */
export type Splits = Readonly<Record<"patching" | "validation" | "test", readonly EncodedExample[]>>;

export interface MeasureCompiledJob {
  readonly runtime: Runtime;
  /** The circuit that was compiled. */
  readonly folder: CircuitFolder;
  readonly task: Task;
  readonly splits: Splits;
  readonly words: PromptVocabulary;
  readonly original: Model | undefined;
  readonly prepared: PreparedFolder;
  readonly parameters: ParameterCount;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: OnEvent | undefined;
}

/** @returns the compiled folder's circuit.json. @throws PithError "verification" when the two disagree. */
export async function measureCompiled(job: MeasureCompiledJob): Promise<CircuitFile> {
  const { runtime, folder, task, splits, words, prepared, parameters, signal, onEvent } = job;
  const { circuit, tokenizer } = folder;
  const answers = words.answers.map((id) => ({ id, token: tokenizer.tokenText(id) }));
  const session = await runtime.loadFile(prepared.modelPath);
  const whole = await runtime.loadFile(folder.modelPath);
  const graph = shippedGraph(circuit);
  const own = compiledScores(runtime, session, { tokens: words.positions, answers }, signal);
  const before: GiveLogits = (prompts, visit) => shippedLogits(runtime, whole, graph, prompts, visit, signal);

  onEvent?.({ kind: "step", step: "verify" });
  const all = Object.values(splits).flat();
  const difference = (a: GiveLogits, examples = all) =>
    largestLogitDifference(examples, centred(ofAnswers(a, answers)), centred(own));
  const verified: CompiledRecord["verified"] = { circuit: await difference(before) };
  const patched = await patchedLogits(job);
  if (patched !== undefined) {
    verified.patched = await difference(patched, [...splits.validation, ...splits.test]);
  }
  checkDifference(verified.circuit);
  checkDifference(verified.patched ?? 0);

  onEvent?.({ kind: "step", step: "measure" });
  const accuracy: CompiledRecord["accuracy"] = {};
  for (const split of ["patching", "validation", "test"] as const) {
    const members = splits[split].filter((example) => example.answers.length > 0);
    if (members.length === 0) continue;
    const places = members.map((example) => withPlaces(example, answers));
    accuracy[split] = {
      answers: (await evaluateSplit(places, own)).accuracy,
      vocabulary: (await evaluateSplit(members, before)).accuracy,
    };
  }
  const [circuitTime, compiledTime, speed] = await time(job, before, own);
  await session.unload();
  await whole.unload();
  const { milliseconds: _, ...metrics } = circuit.metrics;
  return {
    ...circuit,
    metrics: {
      ...metrics,
      parameters: { ...metrics.parameters, circuit: parameters },
      bytes: { ...metrics.bytes, circuit: prepared.bytes },
    },
    compiled: {
      task: { name: task.name, sha256: task.sha256 },
      tokens: words.positions.map((tokens) => [...tokens]),
      answers,
      rows: rowsOf(words),
      accuracy,
      circuitBytes: circuit.metrics.bytes.circuit,
      milliseconds: { circuit: circuitTime.median, compiled: compiledTime.median },
      speed: speedRecord(speed),
      verified,
    },
  };
}

function rowsOf({ positions }: PromptVocabulary): CompiledRecord["rows"] {
  const distinctTokens = new Set(positions.flat()).size;
  return { pairs: rowCount(positions), distinctTokens, full: distinctTokens * positions.length };
}

/**
 * The patched model, with the means of the patching prompts that the circuit was cut with: only if the original is
 * available and the task is the same, and not where constants were fitted, which stand in the circuit's weights alone.
 */
async function patchedLogits(job: MeasureCompiledJob): Promise<GiveLogits | undefined> {
  const { runtime, folder, task, splits, original, signal } = job;
  const { circuit } = folder;
  if (original === undefined || task.sha256 !== circuit.task.sha256 || circuit.constants !== undefined)
    return undefined;
  const { transformer } = original;
  const replacements =
    circuit.replacement.ablation === "zero"
      ? await zeroAblation(transformer, circuit.replacement.valueBias)
      : await meanReplacements(runtime, transformer, tokenIds(splits.patching), "aligned", {
          signal,
          neurons: countKept(circuit.kept).neuron > 0,
        });
  const { kept, headRank } = circuit;
  const made = { runtime, model: transformer, encoded: splits, circuit: kept, replacements, signal };
  const cut = headRank && (await cutAsRecorded(made, headRank));
  const own = patchedCut(transformer, kept, replacements, cut);
  return (prompts, visit) => answerLogits(runtime, own.model, prompts, visit, { gates: own.gates, signal });
}

/** NaN counts as a difference. */
function checkDifference(largest: number): void {
  if (largest <= compiledTolerance) return;
  throw new PithError(
    "verification",
    `the compiled circuit differs by ${largest} in an answer's logit; ${compiledTolerance} is allowed. Nothing was written.`,
    { advice: "Please report this: it is a fault of Pith or of the compute engine, not of your input." },
  );
}

/** One prompt at a time, the two in turns. */
function time(
  { runtime, splits, signal }: MeasureCompiledJob,
  before: GiveLogits,
  own: GiveLogits,
): Promise<readonly [Timing, Timing, SpeedRatio]> {
  const prompts = tokenIds(Object.values(splits).flat());
  let turn = 0;
  const runOne = (give: GiveLogits) => () => {
    const prompt = prompts[Math.floor(turn++ / 2) % prompts.length] ?? [];
    return engineTime(runtime, () => give([scoredAtEnd(prompt)], () => {}));
  };
  return timeInTurns(runOne(before), runOne(own), { budget: 1000, signal });
}
