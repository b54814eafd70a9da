import { expect, test } from "vitest";
import { randomPrompts, randomTransformer } from "../../../test/support/random-transformer.ts";
import { answerLogits, type ScoredPrompt } from "../../measure/answer-logits.ts";
import { inlineRuntime } from "../../runtime/node-runtime.ts";
import type { EncodedExample } from "../../tasks/encode-task.ts";
import { defaultDistillOptions } from "./distill-options.ts";
import { randomStudent } from "./student.ts";
import { trainStudent } from "./train-student.ts";

const model = randomTransformer({ layers: 2, heads: 2, vocabulary: 11, seed: 5 });

/** Prompts of two lengths, whose answer is what the model says. */
async function teach(count: number, seed: number) {
  const runtime = inlineRuntime({ threads: 1 });
  const prompts = randomPrompts(
    Array.from({ length: count }, (_, index) => 2 + (index % 2)),
    11,
    seed,
  );
  const asked = prompts.map((ids): ScoredPrompt => ({ forced: ids, scored: 1 }));
  const logits = new Map<number, Float32Array<ArrayBuffer>>();
  await answerLogits(runtime, model, asked, (index, values) => logits.set(index, values.slice()));
  const teacher = new Map<ScoredPrompt, Float32Array<ArrayBuffer>>();
  const examples = prompts.map((ids, index): EncodedExample => {
    const own = logits.get(index) ?? new Float32Array(11);
    const answer = own.indexOf(Math.max(...own));
    const example = { line: index + 1, prompt: "", ids, answers: [[answer]], forced: ids, scored: 1 };
    teacher.set(example, own);
    return example;
  });
  return { runtime, teacher, examples };
}

async function train(given: Partial<typeof defaultDistillOptions>) {
  const { runtime, teacher, examples } = await teach(40, 3);
  const trained = await trainStudent({
    ...{ runtime, teacher, student: randomStudent(model, 1, given.seed ?? 0) },
    ...{ patching: examples.slice(0, 20), validation: examples.slice(20, 30), test: examples.slice(30) },
    numbers: { ...defaultDistillOptions, batch: 8, learningRate: 0.01, every: 4, ...given },
  });
  await runtime.close();
  return trained;
}

test("the error falls, the best point is the curve's, and a seed gives the same curve", async () => {
  const { curve, best } = await train({ epochs: 62 });
  // Two lengths of ten prompts each: 8 and 2 of them a step. The last epoch is measured whatever `every` is.
  expect(curve.map(({ epoch, steps }) => [epoch, steps]).slice(0, 2)).toEqual([
    [4, 16],
    [8, 32],
  ]);
  expect(curve.at(-1)?.epoch).toBe(62);
  expect(curve.at(-1)?.loss).toBeLessThan(0.1 * (curve[0]?.loss ?? 0));
  const byMerit = curve.toSorted(
    ({ validation: a }, { validation: b }) => b.accuracy - a.accuracy || a.kl - b.kl,
  );
  const { test: tested, ...point } = best;
  expect(point).toEqual(byMerit[0]);
  expect(tested?.accuracy).toBeGreaterThanOrEqual(0);
  expect((await train({ epochs: 62 })).curve).toEqual(curve);
  expect((await train({ epochs: 62, seed: 1 })).curve).not.toEqual(curve);
});

test("ends when nothing has been better for so long", async () => {
  const { curve } = await train({ epochs: 4000, patience: 8 });
  const accuracies = curve.map(({ validation }) => validation.accuracy);
  const gained = curve[accuracies.indexOf(Math.max(...accuracies))];
  expect(curve.at(-1)?.epoch).toBe((gained?.epoch ?? 0) + 8);
});

test("says so when it diverges", async () => {
  await expect(train({ epochs: 400, learningRate: 1e30 })).rejects.toThrow(
    /^the student's error is no number any more after step \d+\./,
  );
});
