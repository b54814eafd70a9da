/**
 * Gathers all data of a report on one circuit (Node). A part that needs the original, or a task that is not
 * available, is left out, and the reason takes its place.
 */

import { join } from "node:path";
import { openFileSource } from "../../checkpoint/file-source.ts";
import { rankingNamed } from "../../discovery/rankings/index.ts";
import { PithError } from "../../errors.ts";
import { shippedGraph } from "../../export/ask-circuit.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import type { Dtype } from "../../export/dtype.ts";
import { type CircuitFolder, readCircuitFolder } from "../../export/read-folder.ts";
import { readStandalone } from "../../export/read-standalone.ts";
import { readJsonObject } from "../../files/read-input.ts";
import { attentionPatterns, type HeadPattern } from "../../inspect/attention-patterns.ts";
import { type Attribution, attributeAnswers } from "../../inspect/attribution.ts";
import { type KnownCircuit, knownHeads } from "../../known/known-circuits.ts";
import { checkKnownFits } from "../../known/known-fits.ts";
import { type Recovery, recoveryRates } from "../../known/recovery.ts";
import { answerLogits } from "../../measure/answer-logits.ts";
import { evaluateSplit, type GiveLogits } from "../../measure/compare.ts";
import { shippedLogits } from "../../measure/shipped-logits.ts";
import { workerRuntime } from "../../runtime/node-runtime.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { EncodedExample } from "../../tasks/encode-task.ts";
import type { Split } from "../../tasks/task-file.ts";
import type { FoldedTransformer } from "../../transformer/transformer.ts";
import { shippedThreads } from "../choose-threads.ts";
import type { OnEvent } from "../events.ts";
import { circuitIdentity } from "../evidence/circuit-identity.ts";
import type { CircuitEvidence } from "../evidence/evidence-result.ts";
import { checkOriginal } from "../load-circuit.ts";
import type { Model } from "../load-model.ts";
import type { Task } from "../read-task.ts";
import { chooseExamples, collectAnswers, type ModelAnswer } from "./report-examples.ts";
import { rankForReport, type ShownRankings } from "./report-rankings.ts";

/** A part of a report, or a sentence on why it is missing. */
export type ReportPart<T> =
  | {
      /** The data of the part. */
      readonly found: T;
    }
  | {
      /** Why there is no data. */
      readonly missing: string;
    };

/** An example as a report shows it. */
export interface ShownExample {
  /** The line of the task file, counted from 1. */
  readonly line: number;
  /** The prompt. */
  readonly prompt: string;
  /** Printable text of each token, the start token included. */
  readonly tokens: readonly string[];
  /** Printable texts of the accepted answers. */
  readonly accepted: readonly string[];
  /** The circuit's answer. */
  readonly circuit: ModelAnswer;
  /** The original's answer; undefined if it is not available. */
  readonly original: ModelAnswer | undefined;
}

/** The examples that a report shows, and their numbers. */
export interface ShownExamples {
  /** The task's name. */
  readonly task: string;
  /** Whether it is the task that the circuit was cut for. */
  readonly own: boolean;
  /** The split that they come from. */
  readonly split: Split;
  /** How many examples the circuit accepts. */
  readonly examples: number;
  /** How many examples of the split the circuit does not accept. */
  readonly leftOut: number;
  /** How many the circuit answers right. */
  readonly rightCount: number;
  /** How many the original answers right; undefined if it is not available. */
  readonly originalRightCount: number | undefined;
  /** The first that the circuit answers right, in the file's order. */
  readonly right: readonly ShownExample[];
  /** The first that it answers wrong, in the file's order. */
  readonly wrong: readonly ShownExample[];
}

/** Attention patterns on some prompts. */
export interface ShownPatterns {
  /** The prompts, each with the patterns of all kept heads. */
  readonly prompts: readonly {
    /** The line of the task file, counted from 1. */
    readonly line: number;
    /** Printable text of each token, the start token included. */
    readonly tokens: readonly string[];
    /** The pattern of each kept head. */
    readonly heads: readonly HeadPattern[];
  }[];
}

/** The results of circuit and original on another task. */
export interface SkillResult {
  /** The task's name. */
  readonly skill: string;
  /** The split that was compared. */
  readonly split: Split;
  /** How many examples were compared. */
  readonly compared: number;
  /** How many examples the split has. */
  readonly total: number;
  /** The circuit's share of right answers, 0 to 1; left out with a `reason` if none could be compared. */
  readonly accuracy?: number;
  /** The original's share of right answers, if it is available. */
  readonly originalAccuracy?: number;
  /** KL(original ‖ circuit) in nats, mean over the examples, if the original is available. */
  readonly kl?: number;
  /** Why nothing could be compared. */
  readonly reason?: string;
}

/** A known circuit, and how well it is recovered. */
export interface KnownRecovery {
  /** The known circuit. */
  readonly circuit: KnownCircuit;
  /** How many of its heads were found. */
  readonly rates: Recovery;
}

/** All data of a report on one circuit: {@link reportPage} makes a page of it. */
export interface CircuitReport {
  /** The circuit's folder. */
  readonly directory: string;
  /** The content of circuit.json. */
  readonly circuit: CircuitFile;
  /** Whether the original was available. */
  readonly original: boolean;
  /** Examples of the task, with the answers of circuit and original. */
  readonly examples: ReportPart<ShownExamples>;
  /** The attention pattern of each kept head. */
  readonly patterns: ReportPart<ShownPatterns>;
  /** The contribution of each part to the answer's logit. */
  readonly attribution: ReportPart<Attribution>;
  /** Rankings of the original's components beside the search's decisions; undefined if none was asked for. */
  readonly rankings: ReportPart<ShownRankings> | undefined;
  /** The evidence for it, if it was gathered. */
  readonly evidence: ReportPart<CircuitEvidence>;
  /** The results on other tasks. */
  readonly skills: readonly SkillResult[];
  /** How well it recovers a known circuit; undefined if none was given. */
  readonly known: KnownRecovery | undefined;
}

/** The content of a report. */
export interface ReportOptions {
  /**
   * The original model, for comparisons of circuits and answers.
   * @defaultValue none: parts that need it are left out
   */
  readonly original?: Model | undefined;
  /**
   * The task whose examples are shown.
   * @defaultValue none: parts that need it are left out
   */
  readonly task?: Task | undefined;
  /**
   * Other tasks, which show what the circuit can no longer do.
   * @defaultValue [], none
   */
  readonly skills?: readonly Task[];
  /**
   * Rankings of the original's heads and MLPs, by name: they are shown beside the search's decisions.
   * @defaultValue [], none
   */
  readonly rankings?: readonly string[];
  /**
   * The evidence for this circuit, which {@link gatherEvidence} gave: it is shown, not gathered anew.
   * @defaultValue none: the report says how it is gathered
   */
  readonly evidence?: CircuitEvidence | undefined;
  /**
   * A known circuit to compare with.
   * @defaultValue none
   */
  readonly known?: KnownCircuit | undefined;
  /**
   * How many examples of each kind are shown, and how many prompts with attention patterns.
   * @defaultValue 3
   */
  readonly prompts?: number;
  /**
   * How many threads compute.
   * @defaultValue one for a small circuit, else as many as the machine has cores
   */
  readonly threads?: number | undefined;
  /**
   * The number format to open.
   * @defaultValue float32, or the only one
   */
  readonly dtype?: Dtype | undefined;
  /**
   * Aborting it ends the work; the returned promise rejects with the signal's reason. Left out, nothing ends the
   * work early.
   */
  readonly signal?: AbortSignal | undefined;
  /** Called with each event: steps, progress, decisions, notes. Left out, events are ignored. */
  readonly onEvent?: OnEvent | undefined;
}

const compiledReason =
  "This circuit was compiled for its task's words, and its graph gives the answers' scores alone. A report of the circuit that it was compiled from shows the inside.";

/** More prompts would not make the mean more exact, and each is held with all its parts. */
const mostAttributed = 512;

/**
 * Gathers the data of a report on a circuit. A part that needs the original, or a task that is not available, is
 * left out, with the reason in its place.
 * @param directory the circuit's folder.
 * @example
 * ```ts
 * const report = await gatherReport("ioi-circuit", { original: model, task });
 * await writeFile("ioi.html", reportPage([report]));
 * ```
 * @throws PithError "circuit" for a folder that does not match its circuit.json, or a known circuit of another
 * model; "task" for a task without any example that this circuit accepts.
 */
export async function gatherReport(directory: string, options: ReportOptions = {}): Promise<CircuitReport> {
  const { task, known, original, skills = [], rankings = [], prompts = 3, signal, onEvent } = options;
  for (const name of rankings) rankingNamed(name);
  onEvent?.({ kind: "step", step: "measure" });
  const folder = await readCircuitFolder(directory, { dtype: options.dtype });
  const { circuit, tokenizer } = folder;
  if (original !== undefined) checkOriginal(folder, original);
  if (known !== undefined) checkKnownFits(known, circuit.model.heads);
  const rates = known && recoveryRates(circuit.kept, knownHeads(known), circuit.model.heads);
  const compiled = circuit.compiled === undefined ? undefined : compiledReason;
  const chosen = task && !compiled ? chooseExamples(task, tokenizer, circuit) : undefined;
  if (task !== undefined && chosen?.examples.length === 0) {
    throw new PithError("task", `no prompt has the ${lengthOf(circuit)} that this circuit takes.`, {
      place: { file: task.path },
      advice: "Give the circuit's own task, or another of the same prompt length.",
    });
  }
  const runtime = workerRuntime({ threads: options.threads ?? shippedThreads(circuit) });
  const weights = await openFileSource(folder.weightsPath);
  try {
    const session = await runtime.loadFile(folder.modelPath);
    const give: Givers = {
      circuit: (asked, visit) => shippedLogits(runtime, session, shippedGraph(circuit), asked, visit, signal),
      original:
        original && ((asked, visit) => answerLogits(runtime, original.transformer, asked, visit, { signal })),
    };
    const total = skills.length + (chosen === undefined ? 0 : 3) + Number(rankings.length > 0);
    let done = 0;
    const step = async <T>(work: Promise<T>): Promise<T> => {
      const result = await work;
      onEvent?.({ kind: "progress", step: "measure", done: ++done, total });
      signal?.throwIfAborted();
      return result;
    };
    const missing =
      compiled ?? `The task "${circuit.task.name}" is not at hand here; give its file with --task.`;
    let parts: Pick<CircuitReport, "examples" | "patterns" | "attribution"> = {
      examples: { missing },
      patterns: { missing },
      attribution: { missing },
    };
    if (task !== undefined && chosen !== undefined) {
      const own = await step(collectAnswers(chosen.examples, give.circuit, tokenizer));
      const reference = give.original && (await collectAnswers(chosen.examples, give.original, tokenizer));
      const inside = await lookInside(folder, weights);
      const all = chosen.examples.map((example, index) =>
        shownExample(example, folder, own, reference, index),
      );
      const examples: ShownExamples = {
        task: task.name,
        own: task.sha256 === circuit.task.sha256,
        split: chosen.split,
        examples: all.length,
        leftOut: chosen.total - all.length,
        rightCount: own.filter(({ right }) => right).length,
        originalRightCount: reference?.filter(({ right }) => right).length,
        right: all.filter((each) => each.circuit.right).slice(0, prompts),
        wrong: all.filter((each) => !each.circuit.right).slice(0, prompts),
      };
      const shown = chosen.examples.slice(0, prompts);
      parts = {
        examples: { found: examples },
        patterns: await step(
          whereFound(inside, (model) => showPatterns(runtime, model, shown, folder, signal)),
        ),
        attribution: await step(
          whereFound(inside, (model) =>
            attributeAnswers(runtime, model, attributed(chosen.examples, own), signal),
          ),
        ),
      };
    }
    const skillResults: SkillResult[] = [];
    for (const skill of skills) {
      skillResults.push(
        await step(compiled ? notMeasured(skill, compiled) : measureSkill(skill, folder, give)),
      );
    }
    const ranked = rankings.length === 0 ? undefined : await step(showRankings(circuit, options, rankings));
    return {
      ...{ directory, circuit, ...parts, rankings: ranked, evidence: evidenceOf(folder, options.evidence) },
      original: original !== undefined,
      skills: skillResults,
      known: known && rates && { circuit: known, rates },
    };
  } finally {
    await weights.close();
    await runtime.close();
  }
}

/** Evidence is of one circuit; one that was cut again may be another. */
function evidenceOf(
  { circuit, directory }: CircuitFolder,
  evidence: CircuitEvidence | undefined,
): ReportPart<CircuitEvidence> {
  if (evidence === undefined)
    return { missing: `No evidence was gathered for this circuit: pith evidence ${directory} does that.` };
  if (evidence.identity !== circuitIdentity(circuit))
    return {
      missing: `The evidence at hand is of another circuit, or from before another was cut into this folder: pith evidence ${directory} --force gathers it anew.`,
    };
  return { found: evidence };
}

/** Rankings need the original, and the prompts that the search had. */
async function showRankings(
  circuit: CircuitFile,
  { original, task, threads, signal }: ReportOptions,
  names: readonly string[],
): Promise<ReportPart<ShownRankings>> {
  if (original === undefined)
    return { missing: "The original is not at hand here; say where it is with --model." };
  if (task === undefined || task.sha256 !== circuit.task.sha256)
    return {
      missing: "Rankings are of the task that the circuit was cut for, and that is not at hand here.",
    };
  return { found: await rankForReport(circuit, original, task, names, { threads, signal }) };
}

interface Givers {
  readonly circuit: GiveLogits;
  readonly original: GiveLogits | undefined;
}

function shownExample(
  example: EncodedExample,
  { tokenizer }: CircuitFolder,
  own: readonly ModelAnswer[],
  reference: readonly ModelAnswer[] | undefined,
  index: number,
): ShownExample {
  const circuit = own[index];
  if (circuit === undefined) throw new RangeError("an example without an answer");
  return {
    line: example.line,
    prompt: example.prompt,
    tokens: example.ids.map((id) => tokenizer.tokenText(id)),
    accepted: example.answers.map((ids) => ids.map((id) => tokenizer.tokenText(id)).join("")),
    circuit,
    original: reference?.[index],
  };
}

/** The model inside the folder, if its weights have the names that this version uses. */
async function lookInside(
  { directory, circuit }: CircuitFolder,
  weights: Parameters<typeof readStandalone>[0],
): Promise<ReportPart<FoldedTransformer>> {
  if (circuit.dtype !== undefined) {
    return {
      missing:
        "This circuit's weights are in another number format than float32. A report of the circuit that it was converted from shows the inside.",
    };
  }
  try {
    const path = join(directory, "config.json");
    const config = await readJsonObject(path, { code: "circuit" });
    return { found: await readStandalone(weights, config, circuit) };
  } catch (error) {
    if (!(error instanceof PithError)) throw error;
    return { missing: notApart(error) };
  }
}

/** Weights are read only here; if they can't be read, that is a reason for a missing part too. */
async function whereFound<A, B>(part: ReportPart<A>, work: (found: A) => Promise<B>): Promise<ReportPart<B>> {
  if (!("found" in part)) return part;
  try {
    return { found: await work(part.found) };
  } catch (error) {
    if (!(error instanceof PithError)) throw error;
    return { missing: notApart(error) };
  }
}

function notApart(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  return `The folder's weights can't be taken apart, so its inside can't be shown: ${reason}`;
}

async function showPatterns(
  runtime: Runtime,
  model: FoldedTransformer,
  examples: readonly EncodedExample[],
  { tokenizer }: CircuitFolder,
  signal: AbortSignal | undefined,
): Promise<ShownPatterns> {
  const prompts = examples.map(({ ids }) => ids);
  const patterns = await attentionPatterns(runtime, model, prompts, signal);
  return {
    prompts: examples.map(({ line, ids }, index) => ({
      line,
      tokens: ids.map((id) => tokenizer.tokenText(id)),
      heads: patterns[index] ?? [],
    })),
  };
}

function attributed(examples: readonly EncodedExample[], own: readonly ModelAnswer[]) {
  return examples.slice(0, mostAttributed).map(({ ids, answers }, index) => {
    const rival = own[index]?.rival;
    // The first token of an answer of several tokens.
    const firsts = answers.flatMap(([first]) => (first === undefined ? [] : [first]));
    return { ids, answers: firsts, ...(rival !== undefined && { rival }) };
  });
}

async function notMeasured(skill: Task, reason: string): Promise<SkillResult> {
  return { skill: skill.name, split: "test", compared: 0, total: skill.examples.length, reason };
}

async function measureSkill(skill: Task, folder: CircuitFolder, give: Givers): Promise<SkillResult> {
  const { circuit, tokenizer } = folder;
  try {
    const { split, examples, otherLengths, total } = chooseExamples(skill, tokenizer, circuit);
    const base = { skill: skill.name, split, compared: examples.length, total };
    if (examples.length === 0) {
      return {
        ...base,
        reason: `prompts of ${listLengths(otherLengths)}; this circuit takes ${lengthOf(circuit)}`,
      };
    }
    const { accuracy, originalAccuracy, kl } = await evaluateSplit(examples, give.circuit, give.original);
    return {
      ...{ ...base, accuracy },
      ...(originalAccuracy !== undefined && { originalAccuracy }),
      ...(kl !== undefined && { kl }),
    };
  } catch (error) {
    // Text that the tokenizer can't encode is reported in the skill's row; other skills are not affected.
    if (!(error instanceof PithError) || error.code !== "task") throw error;
    return notMeasured(skill, error.message);
  }
}

function listLengths(lengths: readonly number[]): string {
  const [least = 0, most = least] = [lengths[0], lengths.at(-1)];
  return least === most ? `${least} tokens` : `${least} to ${most} tokens`;
}

function lengthOf({ profile }: CircuitFile): string {
  return profile.kind === "aligned" ? `${profile.length} tokens` : "any length";
}
