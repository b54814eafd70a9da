/**
 * Everything that a report on one circuit shows (Node), as plain data. What needs the original, or a task that
 * is not at hand, is left out, and the reason is kept in its place.
 */

import { join } from "node:path";
import { openFileSource } from "../../checkpoint/file-source.ts";
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
import { checkOriginal } from "../load-circuit.ts";
import type { Model } from "../load-model.ts";
import type { Task } from "../read-task.ts";
import { chooseExamples, collectAnswers, type ModelAnswer } from "./report-examples.ts";

/** A part of a report, or a sentence on why it is not there. */
export type ReportPart<T> =
  | {
      /** What is shown. */
      readonly found: T;
    }
  | {
      /** Why there is nothing to show. */
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
  /** What the circuit says. */
  readonly circuit: ModelAnswer;
  /** What the original says; undefined where it is not at hand. */
  readonly original: ModelAnswer | undefined;
}

/** The examples that a report shows, and how many there are. */
export interface ShownExamples {
  /** The task's name. */
  readonly task: string;
  /** Whether it is the task that the circuit was cut for. */
  readonly own: boolean;
  /** The split that they come from. */
  readonly split: Split;
  /** How many examples the circuit takes. */
  readonly examples: number;
  /** How many examples of the split the circuit can't take. */
  readonly leftOut: number;
  /** How many the circuit answers right. */
  readonly rightCount: number;
  /** How many the original answers right; undefined where it is not at hand. */
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

/** How circuit and original do on another task. */
export interface SkillResult {
  /** The task's name. */
  readonly skill: string;
  /** The split that was compared. */
  readonly split: Split;
  /** How many examples were compared. */
  readonly compared: number;
  /** How many examples the split has. */
  readonly total: number;
  /** The circuit's share of right answers, 0 to 1; left out with a `reason` where none could be compared. */
  readonly accuracy?: number;
  /** The original's share of right answers, where it is at hand. */
  readonly originalAccuracy?: number;
  /** KL(original ‖ circuit) in nats, mean over the examples, where the original is at hand. */
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

/** Everything that a report on one circuit shows, as plain data: {@link reportPage} makes a page of it. */
export interface CircuitReport {
  /** The circuit's folder. */
  readonly directory: string;
  /** What circuit.json says. */
  readonly circuit: CircuitFile;
  /** Whether the original was at hand. */
  readonly original: boolean;
  /** Examples of the task, and what circuit and original say to them. */
  readonly examples: ReportPart<ShownExamples>;
  /** Where each kept head looks. */
  readonly patterns: ReportPart<ShownPatterns>;
  /** What each part adds to the answer's logit. */
  readonly attribution: ReportPart<Attribution>;
  /** How it does on other tasks. */
  readonly skills: readonly SkillResult[];
  /** How well it recovers a known circuit; undefined where none was given. */
  readonly known: KnownRecovery | undefined;
}

/** What a report is to show. */
export interface ReportOptions {
  /**
   * The original model, which circuit and answers are compared with.
   * @defaultValue none: what needs it is left out
   */
  readonly original?: Model | undefined;
  /**
   * The task whose examples are shown.
   * @defaultValue none: what needs it is left out
   */
  readonly task?: Task | undefined;
  /**
   * Other tasks, to see what the circuit has forgotten.
   * @defaultValue [], none
   */
  readonly skills?: readonly Task[];
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
   * Of the number formats in the folder, the one to open.
   * @defaultValue float32, or the only one
   */
  readonly dtype?: Dtype | undefined;
  /**
   * Aborting it ends the work; what was going on then rejects with the signal's reason. Left out, nothing ends it
   * early.
   */
  readonly signal?: AbortSignal | undefined;
  /** Called with what happens as it goes: steps, progress, decisions, notes. Left out, nothing is told. */
  readonly onEvent?: OnEvent | undefined;
}

const compiledReason =
  "This circuit was compiled for its task's words, and its graph gives the answers' scores alone. A report of the circuit that it was compiled from shows the inside.";

/** More say no more about a mean, and each is held with all its parts. */
const mostAttributed = 512;

/**
 * Gathers what a report on a circuit shows. What needs the original, or a task that is not at hand, is left out,
 * with the reason in its place.
 * @param directory the circuit's folder.
 * @example
 * ```ts
 * const report = await gatherReport("ioi-circuit", { original: model, task });
 * await writeFile("ioi.html", reportPage([report]));
 * ```
 * @throws PithError "circuit" for a folder that is not what it says, or a known circuit of another model; "task"
 * for a task that has nothing which this circuit takes.
 */
export async function gatherReport(directory: string, options: ReportOptions = {}): Promise<CircuitReport> {
  const { task, known, original, skills = [], prompts = 3, signal, onEvent } = options;
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
    const total = skills.length + (chosen === undefined ? 0 : 3);
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
    return {
      ...{ directory, circuit, ...parts },
      original: original !== undefined,
      skills: skillResults,
      known: known && rates && { circuit: known, rates },
    };
  } finally {
    await weights.close();
    await runtime.close();
  }
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

/** The model inside the folder, if its weights are named as this version names them. */
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

/** Weights are read late: ones that can't be are a reason as well. */
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
    // Of an answer of several tokens, its first.
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
    // What the tokenizer can't encode is told in its row; the other skills don't suffer from it.
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
