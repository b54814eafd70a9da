import { expect, test } from "vitest";
import type { EncodedExample } from "../tasks/encode-task.ts";
import { evaluateSplit, type GiveLogits, isRight, largestLogitDifference } from "./compare.ts";

/** Three examples; the prompts are one token, by which a model is a table. */
const examples: readonly EncodedExample[] = [
  { line: 1, prompt: "a", ids: [0], answers: [[1]] },
  { line: 2, prompt: "b", ids: [1], answers: [[0], [2, 9]] },
  { line: 3, prompt: "c", ids: [2], answers: [[2]] },
];

/** Told in another order than asked for, as batches of one length are. */
const table =
  (rows: readonly (readonly number[])[]): GiveLogits =>
  async (prompts, visit) => {
    for (const [index, [id = 0]] of [...prompts.entries()].reverse()) {
      visit(index, Float32Array.from(rows[id] ?? []));
    }
  };

const original = table([
  [0, 5, 0],
  [0, 0, 5],
  [0, 0, 5],
]);
const circuit = table([
  [0, 5, 0],
  [0, 0, 5],
  [0, 6, 5],
]);

test("accuracy counts the first tokens of all accepted answers", async () => {
  const evaluation = await evaluateSplit(examples, circuit, original);
  expect(evaluation).toMatchObject({ examples: 3, accuracy: 2 / 3, originalAccuracy: 1 });
  expect(isRight({ ...examples[1], answers: [[0], [2, 9]] } as EncodedExample, 9)).toBe(false);
});

test("KL(original ‖ circuit) is the mean over the examples", async () => {
  // Only the third differs: P ∝ (1, 1, e⁵), Q ∝ (1, e⁶, e⁵).
  const [p, q] = [2 + Math.exp(5), 1 + Math.exp(6) + Math.exp(5)];
  const third = Math.log(q / p) - 6 / p;
  const { kl } = await evaluateSplit(examples, circuit, original);
  expect(kl).toBeCloseTo(third / 3, 12);
});

test("without the original there is accuracy alone", async () => {
  expect(await evaluateSplit(examples, circuit)).toEqual({ examples: 3, accuracy: 2 / 3 });
});

test("the largest difference of any logit", async () => {
  expect(await largestLogitDifference(examples, circuit, original)).toBe(6);
  expect(await largestLogitDifference(examples, circuit, circuit)).toBe(0);
  const broken = table([
    [0, 5, 0],
    [0, Number.NaN, 5],
    [0, 0, 5],
  ]);
  expect(await largestLogitDifference(examples, broken, original)).toBeNaN();
});

test("sets larger than what is held at a time", async () => {
  const many = Array.from({ length: 1500 }, (_, at) => examples[at % 3] ?? (examples[0] as EncodedExample));
  const all = await evaluateSplit(many, circuit, original);
  const three = await evaluateSplit(examples, circuit, original);
  expect(all.accuracy).toBeCloseTo(three.accuracy, 12);
  expect(all.kl).toBeCloseTo(three.kl ?? Number.NaN, 12);
  expect(all.examples).toBe(1500);
  // The difference in the last example alone is found too.
  const last = many.map((example, at) =>
    at === many.length - 1 ? { ...example, ids: [2] } : { ...example, ids: [0] },
  );
  expect(await largestLogitDifference(last, circuit, original)).toBe(6);
});

test("a model that leaves an example out", async () => {
  await expect(evaluateSplit(examples, async () => {})).rejects.toThrow(RangeError);
});
