import { expect, test } from "vitest";
import type { EncodedExample } from "../tasks/encode-task.ts";
import { evaluateSplit, type GiveLogits } from "./compare.ts";
import { yearMass, yearScale } from "./year-mass.ts";

/** "00" … "99" are the tokens 0 … 99; a hundred-and-first token is no year. */
const years = Array.from({ length: 100 }, (_, year) => year);
const tokenizer = { encode: (text: string) => [Number(text)] };

function asking(start: number, answers = years.slice(start + 1)): EncodedExample {
  const prompt = `The war lasted from the year 17${String(start).padStart(2, "0")} to 17`;
  return { line: 1, prompt, ids: [0], answers: answers.map((year) => [year]), forced: [0], scored: 1 };
}

/** A distribution that is proportional to `weights`, zero elsewhere. */
function logits(weights: Readonly<Record<number, number>>): Float32Array {
  return Float32Array.from({ length: 101 }, (_, token) => Math.log(weights[token] ?? 0));
}

test("probability of later years minus earlier ones; the start year counts as earlier, other tokens as neither", () => {
  // p(40) = 0.5, p(99) = 0.1, p(32) = 0.2, p(00) = 0.05, no year 0.15: 0.6 − 0.25.
  const row = logits({ 40: 50, 99: 10, 32: 20, 0: 5, 100: 15 });
  expect(yearMass(asking(32), row, years)).toBeCloseTo(0.35, 6);
  // From 98 on, 99 alone is later: 0.1 − 0.75.
  expect(yearMass(asking(98), row, years)).toBeCloseTo(-0.65, 6);
});

test("a split's is the mean over its examples, of both models", async () => {
  const rows = (weights: readonly Readonly<Record<number, number>>[]): GiveLogits => {
    return async (prompts, visit) => {
      for (const index of prompts.keys()) visit(index, logits(weights[index] ?? {}));
    };
  };
  const original = rows([{ 40: 1 }, { 60: 1, 100: 1 }]);
  const circuit = rows([
    { 40: 3, 20: 1, 100: 0.001 },
    { 40: 1, 100: 1, 60: 1e-6 },
  ]);
  const result = await evaluateSplit([asking(32), asking(50)], circuit, original, { years });
  // Original: 1 and 1/2. Circuit: 3/4 − 1/4 and −1/2.
  expect(result.originalYearMass).toBeCloseTo(0.75, 6);
  expect(result.yearMass).toBeCloseTo(0, 3);
  expect(result.accuracy).toBe(0.5);
  const alone = await evaluateSplit([asking(32)], circuit, undefined, { years });
  expect(alone.yearMass).toBeCloseTo(0.5, 3);
  expect(alone).not.toHaveProperty("originalYearMass");
  expect(await evaluateSplit([asking(32)], circuit)).not.toHaveProperty("yearMass");
});

test("only tasks that ask for every later year have it", () => {
  expect(yearScale([asking(32), asking(2)], tokenizer)).toEqual(years);
  expect(yearScale([], tokenizer)).toBeUndefined();
  expect(yearScale([asking(32), { ...asking(2), prompt: "The capital of" }], tokenizer)).toBeUndefined();
  expect(yearScale([asking(32, [33])], tokenizer)).toBeUndefined();
  expect(yearScale([asking(32, years.slice(32))], tokenizer)).toBeUndefined();
  expect(yearScale([asking(32)], { encode: (text) => [...text].map(Number) })).toBeUndefined();
});
