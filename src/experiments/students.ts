/**
 * Table 2 of the paper: for each row of the tables, a student of the circuit's size that learns the original's logits.
 * The first run's circuits and prompts are used; students of one task with equally many layers are one.
 */
import { distillEncoded } from "../jobs/distill/distill.ts";
import type { DistillNumbers } from "../jobs/distill/distill-options.ts";
import { mostLayers } from "../jobs/distill/student.ts";
import type { StudentPoint } from "../jobs/distill/train-student.ts";
import type { OnEvent } from "../jobs/events.ts";
import type { Model } from "../jobs/load-model.ts";
import type { TableChoice } from "./paper-settings.ts";
import type { SweepTask } from "./sweep-plan.ts";
import type { SweepRow } from "./sweep-row.ts";
import { rowsOf } from "./tables.ts";

/** A row of Table 2. Accuracies are shares of right answers, 0 to 1. */
export interface StudentRow extends TableChoice {
  /** The seed of the run whose circuit and prompts these are. */
  readonly seed: number;
  /** How many layers the student has. */
  readonly layers: number;
  /** Elements of the matrices of its heads and MLPs. */
  readonly body: number;
  /** The same of the circuit. */
  readonly circuitBody: number;
  /** The student's best accuracy on the validation prompts. */
  readonly accuracy: number;
  /** The circuit's accuracy on them. */
  readonly circuitAccuracy: number;
  /** The student's accuracy on the test prompts, where its validation accuracy is best. */
  readonly testAccuracy?: number | undefined;
  /** The circuit's accuracy on the test prompts. */
  readonly circuitTestAccuracy?: number | undefined;
  /** The epoch of the best validation accuracy. */
  readonly epoch: number;
  /** The course of the training. */
  readonly curve: readonly StudentPoint[];
}

export interface StudentSettings {
  readonly numbers: Partial<DistillNumbers>;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: OnEvent | undefined;
}

/** No row for a circuit into whose size no layer fits. */
export async function trainStudents(
  model: Model,
  tasks: readonly SweepTask[],
  choices: readonly TableChoice[],
  rows: readonly SweepRow[],
  { numbers, threads, signal, onEvent }: StudentSettings,
): Promise<readonly StudentRow[]> {
  const trained = new Map<string, Awaited<ReturnType<typeof distillEncoded>>>();
  const students: StudentRow[] = [];
  for (const choice of choices) {
    const [row] = rowsOf(choice, rows);
    const draw = tasks.find(({ name }) => name === choice.task)?.draws.find(({ seed }) => seed === row?.seed);
    if (row === undefined || draw === undefined) continue;
    const size = row.parameters.circuit.body;
    const layers = mostLayers(model.transformer, size);
    if (layers === 0) continue;
    const key = `${choice.task} ${layers}`;
    const known = trained.get(key);
    const student =
      known ??
      (await distillEncoded(model, draw.encoded, { ...numbers, size, layers, threads, signal, onEvent }));
    trained.set(key, student);
    const { best, curve } = student;
    students.push({
      ...{ task: choice.task, mlps: choice.mlps, alpha: choice.alpha, seed: row.seed, layers },
      ...{ body: student.student.parameters.body, circuitBody: size },
      ...{ accuracy: best.validation.accuracy, circuitAccuracy: row.accuracy.validation.circuit },
      ...{ testAccuracy: best.test?.accuracy, circuitTestAccuracy: row.accuracy.test?.circuit },
      ...{ epoch: best.epoch, curve },
    });
  }
  return students;
}
