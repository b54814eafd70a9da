import { describe, expect, test } from "vitest";
import type { EncodedExample } from "../tasks/encode-task.ts";
import { evaluateSplit, type GiveLogits, isRight, largestLogitDifference } from "./compare.ts";

/** Three examples; the prompts are one token, by which a model is a table. */
const examples: readonly EncodedExample[] = [
  { line: 1, prompt: "a", ids: [0], answers: [[1]], forced: [0], scored: 1 },
  { line: 2, prompt: "b", ids: [1], answers: [[0], [2]], forced: [1], scored: 1 },
  { line: 3, prompt: "c", ids: [2], answers: [[2]], forced: [2], scored: 1 },
];

/** Told in another order than asked for, as batches of one length are. */
const table =
  (rows: readonly (readonly number[])[]): GiveLogits =>
  async (prompts, visit) => {
    for (const [index, { forced, scored }] of [...prompts.entries()].reverse()) {
      visit(index, Float32Array.from(forced.slice(-scored).flatMap((id) => rows[id] ?? [])));
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

test("accuracy counts all accepted answers", async () => {
  const evaluation = await evaluateSplit(examples, circuit, original);
  expect(evaluation).toMatchObject({ examples: 3, accuracy: 2 / 3, originalAccuracy: 1 });
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
    at === many.length - 1 ? { ...example, forced: [2] } : { ...example, forced: [0] },
  );
  expect(await largestLogitDifference(last, circuit, original)).toBe(6);
});

test("a model that leaves an example out", async () => {
  await expect(evaluateSplit(examples, async () => {})).rejects.toThrow(RangeError);
});

describe("an answer of several tokens", () => {
  // The prompt is token 0, the answer 1 2: a teacher-forced pass reads 0 1, and both positions count.
  const example: EncodedExample = {
    ...{ line: 1, prompt: "a", ids: [0], answers: [[1, 2]], forced: [0, 1], scored: 2 },
  };

  test("is right when every one of its tokens is", () => {
    expect(isRight(example, Float32Array.of(0, 5, 0, 0, 0, 5))).toBe(true);
    expect(isRight(example, Float32Array.of(5, 0, 0, 0, 0, 5))).toBe(false);
    expect(isRight(example, Float32Array.of(0, 5, 0, 0, 5, 0))).toBe(false);
  });

  test("its KL is the mean over its positions", async () => {
    const even = table([
      [0, 0, 0],
      [0, 0, 0],
    ]);
    const uneven = table([
      [0, 0, 0],
      [Math.log(2), 0, 0],
    ]);
    // The second position alone differs: P = (1/3, 1/3, 1/3), Q = (1/2, 1/4, 1/4); log 3 is halved away.
    const second = (Math.log(2 / 3) + 2 * Math.log(4 / 3)) / 3;
    const { kl, accuracy } = await evaluateSplit([example], uneven, even);
    expect(kl).toBeCloseTo(second / 2, 7);
    expect(accuracy).toBe(0);
  });
});

test("with labels, only their tokens are compared", () => {
  const example: EncodedExample = {
    ...{ line: 1, prompt: "a", ids: [0], answers: [[1]], labels: [1, 2], forced: [0], scored: 1 },
  };
  expect(isRight(example, Float32Array.of(9, 2, 1))).toBe(true);
  expect(isRight(example, Float32Array.of(9, 1, 2))).toBe(false);
  const { labels: _, ...open } = example;
  expect(isRight(open, Float32Array.of(9, 2, 1))).toBe(false);
});
