/**
 * Distillation as a baseline (paper, Table 2): a student of a circuit's size learns the original's logits on the task's
 * own prompts. It is made anew from the paper's text, since no code of it was published.
 */
import { answerLogits, type ScoredPrompt } from "../../measure/answer-logits.ts";
import { evaluateSplit } from "../../measure/compare.ts";
import { countParameters, type ParameterCount } from "../../measure/parameters.ts";
import { seedRange } from "../../number-range.ts";
import { workerRuntime } from "../../runtime/node-runtime.ts";
import type { EncodedTask } from "../../tasks/encode-task.ts";
import type { OnEvent } from "../events.ts";
import { threadRange } from "../extract/extract-options.ts";
import type { Model } from "../load-model.ts";
import { type EncodeOptions, encodePrompts } from "../prompts.ts";
import type { Task } from "../read-task.ts";
import { requireNumber, requireOption } from "../require-option.ts";
import { withEngine } from "../with-engine.ts";
import { checkDistillNumbers, type DistillNumbers, layersRange, sizeRange } from "./distill-options.ts";
import { layersThatFit, randomStudent } from "./student.ts";
import {
  givenLogits,
  type StudentMeasures,
  type StudentPoint,
  type TrainedStudent,
  trainStudent,
} from "./train-student.ts";

/** How large the student is, and how it is trained. */
export interface DistillOptions extends Partial<DistillNumbers> {
  /** The size of the circuit: elements of the matrices of its heads and MLPs. */
  readonly size: number;
  /**
   * How many layers the student has.
   * @defaultValue as many as fit into `size`
   */
  readonly layers?: number | undefined;
  /**
   * How many threads compute.
   * @defaultValue the number of cores
   */
  readonly threads?: number | undefined;
  /**
   * Aborting it ends the work; the returned promise rejects with the signal's reason. Left out, nothing ends the
   * work early.
   */
  readonly signal?: AbortSignal | undefined;
  /** Called with each event: steps, progress. Left out, events are ignored. */
  readonly onEvent?: OnEvent | undefined;
}

/** A student that was trained, and its curve. */
export interface Distillation {
  /** The student. */
  readonly student: {
    /** How many layers it has. */
    readonly layers: number;
    /** Its parameters, counted by what they are. */
    readonly parameters: ParameterCount;
  };
  /** Elements of the matrices of the circuit that it is compared with. */
  readonly circuitSize: number;
  /** How it was trained. */
  readonly numbers: DistillNumbers;
  /** How many prompts it learnt from, was chosen by, and was measured on at last. */
  readonly prompts: {
    /** It learnt from these. */
    readonly patching: number;
    /** These chose its best point. */
    readonly validation: number;
    /** These it was measured on at last. */
    readonly test: number;
  };
  /** The original's share of right answers, 0 to 1. */
  readonly original: {
    /** On the validation prompts. */
    readonly validation: number;
    /** On the test prompts; undefined where there are none. */
    readonly test: number | undefined;
  };
  /** Where the student's validation accuracy was best; of equal ones, where it was nearest to the original by KL. */
  readonly best: StudentPoint & {
    /** Its measures on the test prompts there; undefined where there are none. */
    readonly test: StudentMeasures | undefined;
  };
  /** The course of the training. */
  readonly curve: readonly StudentPoint[];
  /** Seconds of wall clock that the training took. */
  readonly seconds: number;
}

/** The same, and how the task is put to the model. */
export interface DistillTaskOptions extends DistillOptions {
  /**
   * Whether prompts must have one length ("aligned"), or may have any ("pooled").
   * @defaultValue "pooled"
   */
  readonly means?: "aligned" | "pooled" | undefined;
  /**
   * Whether the start token is put before every prompt.
   * @defaultValue what the task says, else false
   */
  readonly bos?: boolean | undefined;
  /**
   * Whether the prompts are put through the model's chat template.
   * @defaultValue what the task says, else false
   */
  readonly chat?: boolean | undefined;
  /**
   * The seed for splitting a task file that does not say how.
   * @defaultValue 0
   */
  readonly splitSeed?: number | undefined;
}

/**
 * Trains a student of the original's architecture from a random start on the original's logits at the answer positions
 * of the patching prompts: the baseline of the paper's Table 2.
 * @param model the original, from which the student learns.
 * @param task whose prompts it learns from.
 * @example
 * ```ts
 * const model = await loadModel();
 * const task = await readTask("acronyms", { tokenizer: model.tokenizer });
 * const { best } = await distill(model, task, { size: 660_000, epochs: 100 });
 * console.log(best.validation.accuracy, best.test?.accuracy);
 * await model.close();
 * ```
 * @throws PithError "options" where no layer fits into the size, or a number is out of its range; "task" for a task that the
 * model can't read; "runtime" where the training diverges; the signal's reason when it was aborted.
 */
export async function distill(
  model: Model,
  task: Task,
  { means = "pooled", bos, chat, splitSeed = 0, ...options }: DistillTaskOptions,
): Promise<Distillation> {
  requireOption("means", means, ["aligned", "pooled"].includes(means), "aligned or pooled");
  requireNumber("splitSeed", splitSeed, seedRange);
  const how: EncodeOptions = {
    ...{ means, seed: splitSeed },
    ...{ bos: bos ?? task.bos ?? false, chat: chat ?? task.chat ?? false },
  };
  const encoded = encodePrompts(task, model.tokenizer, model.transformer.contextLength, how);
  return distillEncoded(model, encoded, options);
}

/** Like `distill`, of prompts that are token ids already. */
export async function distillEncoded(
  model: Model,
  encoded: EncodedTask,
  options: DistillOptions,
): Promise<Distillation> {
  const { size, layers: asked, threads, signal, onEvent, ...given } = options;
  const numbers = checkDistillNumbers(given);
  requireNumber("size", size, sizeRange);
  if (asked !== undefined) requireNumber("layers", asked, layersRange);
  if (threads !== undefined) requireNumber("threads", threads, threadRange);
  const { transformer } = model;
  const layers = Math.min(asked ?? layersThatFit(transformer, size), transformer.blocks.length);
  const student = randomStudent(transformer, layers, numbers.seed);
  const runtime = workerRuntime({ threads });
  return withEngine(runtime, signal, async () => {
    onEvent?.({ kind: "step", step: "measure" });
    const teacher = new Map<ScoredPrompt, Float32Array<ArrayBuffer>>();
    const sets = { patching: encoded.patching, validation: encoded.validation, test: encoded.test };
    const all = Object.values(sets).flat();
    await answerLogits(
      runtime,
      transformer,
      all,
      (index, logits) => {
        const example = all[index];
        if (example !== undefined) teacher.set(example, logits.slice());
      },
      { signal },
    );
    const teacherLogits = givenLogits(teacher);
    const accuracyOn = async (split: "validation" | "test") =>
      sets[split].length === 0 ? undefined : (await evaluateSplit(sets[split], teacherLogits)).accuracy;
    const original = {
      validation: (await accuracyOn("validation")) ?? Number.NaN,
      test: await accuracyOn("test"),
    };
    onEvent?.({ kind: "step", step: "train" });
    const begin = performance.now();
    const trained: TrainedStudent = await trainStudent({
      ...{ runtime, student, teacher, ...sets, numbers, signal },
      onEpoch: (done, total) => onEvent?.({ kind: "progress", step: "train", done, total }),
    });
    return {
      student: { layers, parameters: countParameters(student) },
      ...{ circuitSize: size, numbers, original, ...trained },
      prompts: {
        patching: sets.patching.length,
        validation: sets.validation.length,
        test: sets.test.length,
      },
      seconds: (performance.now() - begin) / 1000,
    };
  });
}
