/**
 * Trains a student on the logits of its teacher: mean squared error at the answer positions, Adam. Weights and moments
 * stay with the engine between steps. What is kept is the curve, and where the validation accuracy was best.
 */
import { PithError } from "../../errors.ts";
import { adamFactors, adamNames, adamStepGraph } from "../../lowering/adam-step.ts";
import { lowerStudent, type StudentGraphs, studentNames } from "../../lowering/training.ts";
import type { ScoredPrompt, VisitLogits } from "../../measure/answer-logits.ts";
import { evaluateSplit, type GiveLogits } from "../../measure/compare.ts";
import { gradientName } from "../../onnx/gradient.ts";
import type { DeviceTensor, HostTensor, Runtime, Session } from "../../runtime/runtime.ts";
import type { EncodedExample } from "../../tasks/encode-task.ts";
import { createRandom } from "../../tasks/random.ts";
import { parts } from "../../transformer/parts.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import type { DistillNumbers } from "./distill-options.ts";

/** The accuracy of a student, and how far it is from its teacher. */
export interface StudentMeasures {
  /** The share of right answers, 0 to 1. */
  readonly accuracy: number;
  /** KL(teacher ‖ student) in nats, the mean over the prompts. */
  readonly kl: number;
}

/** A point of the curve. */
export interface StudentPoint {
  /** How often the student has seen all patching prompts. */
  readonly epoch: number;
  /** How many steps the optimiser has made. */
  readonly steps: number;
  /** The mean squared error of a logit, the mean over the steps since the last point. */
  readonly loss: number;
  /** On the validation prompts. */
  readonly validation: StudentMeasures;
}

export interface TrainedStudent {
  readonly curve: readonly StudentPoint[];
  /** The point of the best validation accuracy, and the student's measures on the test prompts there. */
  readonly best: StudentPoint & { readonly test: StudentMeasures | undefined };
}

export interface TrainingInput {
  readonly runtime: Runtime;
  readonly student: Transformer;
  /** The teacher's logits at the answer positions, [scored, vocabulary] of each example. */
  readonly teacher: ReadonlyMap<ScoredPrompt, Float32Array<ArrayBuffer>>;
  readonly patching: readonly EncodedExample[];
  readonly validation: readonly EncodedExample[];
  readonly test: readonly EncodedExample[];
  readonly numbers: DistillNumbers;
  readonly signal?: AbortSignal | undefined;
  readonly onEpoch?: ((done: number, total: number) => void) | undefined;
}

export async function trainStudent(input: TrainingInput): Promise<TrainedStudent> {
  const { numbers, patching, validation, test, teacher, signal, onEpoch } = input;
  const trainer = await openTrainer(input);
  const reference = givenLogits(teacher);
  const measure = async (examples: readonly EncodedExample[]): Promise<StudentMeasures> => {
    const { accuracy, kl = Number.NaN } = await evaluateSplit(examples, trainer.give, reference);
    return { accuracy, kl };
  };
  const random = createRandom(numbers.seed);
  const curve: StudentPoint[] = [];
  let best: TrainedStudent["best"] | undefined;
  let lastGain = 0;
  let losses: number[] = [];
  for (let epoch = 1; epoch <= numbers.epochs; epoch++) {
    for (const batch of random.shuffled(batchesOf(random.shuffled(patching), numbers.batch))) {
      signal?.throwIfAborted();
      losses.push(await trainer.step(batch));
    }
    onEpoch?.(epoch, numbers.epochs);
    if (epoch % numbers.every !== 0 && epoch !== numbers.epochs) continue;
    const loss = losses.reduce((sum, each) => sum + each, 0) / losses.length;
    losses = [];
    const point = { epoch, steps: trainer.steps(), loss, validation: await measure(validation) };
    curve.push(point);
    const isBetter = best === undefined || point.validation.accuracy > best.validation.accuracy;
    if (isBetter) lastGain = epoch;
    if (best === undefined || isBetter || isNearer(point.validation, best.validation))
      best = { ...point, test: test.length === 0 ? undefined : await measure(test) };
    if (epoch - lastGain >= numbers.patience) break;
  }
  await trainer.close();
  return { curve, best: found(best) };
}

/** Gives logits that are known already, of the very same examples. */
export function givenLogits(known: TrainingInput["teacher"]): GiveLogits {
  return async (prompts, visit) => {
    for (const [index, prompt] of prompts.entries()) visit(index, found(known.get(prompt)));
  };
}

/** Of points that answer equally many prompts rightly, the one nearest to the teacher is the best. */
function isNearer(point: StudentMeasures, best: StudentMeasures): boolean {
  return point.accuracy === best.accuracy && point.kl < best.kl;
}

/** Prompts of one length and one number of answer positions; all lengths use the same weights. */
interface Shape {
  readonly length: number;
  readonly scored: number;
}

interface Sessions extends Shape {
  readonly step: Session;
  readonly predict: Session;
}

async function openTrainer({ runtime, student, teacher, numbers, signal, ...sets }: TrainingInput) {
  const sessions = new Map<string, Sessions>();
  let weights: readonly string[] = [];
  for (const example of [...sets.patching, ...sets.validation, ...sets.test]) {
    const key = keyOf(example);
    if (sessions.has(key)) continue;
    const shape = { length: example.forced.length, scored: example.scored };
    const graphs = lowerStudent(student, shape.length, shape.scored);
    weights = graphs.weights;
    sessions.set(key, { ...shape, ...(await load(runtime, graphs)) });
  }
  let state = await startOf(runtime, student, weights);
  const one = await runtime.upload(scalar(1));
  let steps = 0;

  async function step(examples: readonly EncodedExample[]): Promise<number> {
    const session = found(sessions.get(keyOf(found(examples[0]))));
    steps++;
    const { rate, correction } = adamFactors(steps, numbers.learningRate);
    const { [studentNames.loss]: loss, ...outputs } = await session.step.run({
      ...Object.fromEntries(state),
      [studentNames.ids]: idsOf(examples),
      [studentNames.target]: rowsOf(
        examples.map((example) => found(teacher.get(example))),
        student,
      ),
      [gradientName(studentNames.loss)]: one,
      ...{ rate: scalar(rate), correction: scalar(correction) },
    });
    const [value = Number.NaN] = await runtime.readFloats(found(loss));
    if (!Number.isFinite(value)) throw diverged(steps, numbers);
    await runtime.release(found(loss), ...state.values());
    state = new Map([...state.keys()].map((name) => [name, found(outputs[adamNames.next(name)])]));
    return value;
  }

  const give: GiveLogits = async (prompts, visit) => {
    const own = new Map(weights.map((name) => [name, found(state.get(name))]));
    for (const members of batchesOf([...prompts.entries()], numbers.batch, ([, prompt]) => keyOf(prompt))) {
      signal?.throwIfAborted();
      const session = found(sessions.get(keyOf(found(members[0])[1])));
      const ids = idsOf(members.map(([, prompt]) => prompt));
      const { logits } = await session.predict.run({ ...Object.fromEntries(own), [studentNames.ids]: ids });
      const values = await runtime.readFloats(found(logits));
      await runtime.release(found(logits));
      visitRows(values, members, session.scored * student.vocabularySize, visit);
    }
  };

  return {
    step,
    give,
    steps: () => steps,
    async close() {
      await runtime.release(one, ...state.values());
      for (const session of sessions.values()) {
        await session.step.unload();
        await session.predict.unload();
      }
    },
  };
}

async function load(runtime: Runtime, { training, prediction, weights }: StudentGraphs) {
  return {
    step: await runtime.load(adamStepGraph(training, studentNames.loss, weights)),
    predict: await runtime.load(prediction),
  };
}

/** The student's weights, and moments of zero. */
async function startOf(
  runtime: Runtime,
  student: Transformer,
  names: readonly string[],
): Promise<ReadonlyMap<string, DeviceTensor>> {
  const byName = new Map(parts(student).map(({ weight }) => [weight.name, weight]));
  const state = new Map<string, DeviceTensor>();
  for (const name of names) {
    const weight = found(byName.get(name));
    const data = await weight.read();
    const upload = (values: Float32Array<ArrayBuffer>) =>
      runtime.upload({ type: "float32", shape: weight.shape, data: values });
    state.set(name, await upload(data));
    for (const moment of [adamNames.first(name), adamNames.second(name)])
      state.set(
        moment,
        await upload(new Float32Array(weight.shape.reduce((count, size) => count * size, 1))),
      );
  }
  return state;
}

/** Batches of members with equal keys. */
function batchesOf<T>(
  members: readonly T[],
  size: number,
  key: (member: T) => string = (member) => keyOf(member as ScoredPrompt),
): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>();
  for (const member of members) groups.set(key(member), [...(groups.get(key(member)) ?? []), member]);
  return [...groups.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / size) }, (_, part) =>
      group.slice(part * size, (part + 1) * size),
    ),
  );
}

const keyOf = ({ forced, scored }: ScoredPrompt): string => `${forced.length} ${scored}`;

const scalar = (value: number): HostTensor => ({ type: "float32", shape: [], data: Float32Array.of(value) });

function idsOf(prompts: readonly ScoredPrompt[]): HostTensor {
  const ids = prompts.flatMap(({ forced }) => forced);
  return {
    type: "int64",
    shape: [prompts.length, found(prompts[0]).forced.length],
    data: BigInt64Array.from(ids, BigInt),
  };
}

function rowsOf(rows: readonly Float32Array[], { vocabularySize }: Transformer): HostTensor {
  const data = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
  let at = 0;
  for (const row of rows) {
    data.set(row, at);
    at += row.length;
  }
  return { type: "float32", shape: [data.length / vocabularySize, vocabularySize], data };
}

function visitRows(
  values: Float32Array,
  members: readonly (readonly [number, ScoredPrompt])[],
  width: number,
  visit: VisitLogits,
): void {
  for (const [at, [index]] of members.entries()) visit(index, values.subarray(at * width, (at + 1) * width));
}

function diverged(step: number, { learningRate }: DistillNumbers): PithError {
  return new PithError("runtime", `the student's error is no number any more after step ${step}.`, {
    advice: `Its learning rate is ${learningRate}; try a smaller one.`,
  });
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new RangeError("a value of the training is missing");
  return value;
}
