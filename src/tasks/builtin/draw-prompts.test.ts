import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../random.ts";
import { drawPrompts, type PromptSpace, randomOrder } from "./draw-prompts.ts";

/** Twelve prompts, two of which are the same. */
const space: PromptSpace = {
  task: "toy",
  sizes: [4, 3],
  build: ([a, b]) => (a === 3 && b === 2 ? undefined : { prompt: `${a === 3 ? 2 : a}${b}`, answers: ["x"] }),
};

describe("randomOrder", () => {
  test("is a permutation for every seed and count", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 200 }), (seed, count) => {
        const order = [...randomOrder(createRandom(seed), count)];
        expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      }),
    );
  });

  test("every order of three is as likely as another", () => {
    const counts = new Map<string, number>();
    const random = createRandom(1);
    for (let i = 0; i < 6000; i++) {
      const order = [...randomOrder(random, 3)].join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    // 1000 each; five standard deviations are 144.
    expect([...counts.values()].map((count) => Math.abs(count - 1000) < 144)).toEqual(Array(6).fill(true));
  });

  test("numbers above 2³² come without repeats, and in range", () => {
    const count = 2 ** 45 + 3;
    const random = createRandom(7);
    const order = randomOrder(random, count);
    const drawn = Array.from({ length: 1000 }, () => Number(order.next().value));
    expect(new Set(drawn).size).toBe(1000);
    expect(drawn.every((value) => Number.isSafeInteger(value) && value >= 0 && value < count)).toBe(true);
    // With 32 bits alone, all would lie in the lowest 8192nd.
    expect(drawn.filter((value) => value > count / 2).length).toBeGreaterThan(400);
  });

  test("a space that can't be numbered is an error", () => {
    expect(() => [...randomOrder(createRandom(0), 2 ** 54)]).toThrow("more prompts than can be numbered");
  });
});

describe("drawPrompts", () => {
  const counts = { patching: 2, validation: 3, test: 1 };

  test("splits in order, lines from 1, answers where they are needed", () => {
    const examples = drawPrompts(space, { counts, seed: 5 }, 0);
    expect(examples.map(({ split }) => split)).toEqual([
      ...["patching", "patching"],
      ...["validation", "validation", "validation", "test"],
    ]);
    expect(examples.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(examples.map(({ answers }) => answers.length)).toEqual([0, 0, 1, 1, 1, 1]);
  });

  test("all that the space has can be drawn, and not one more", () => {
    const drawn = drawPrompts(space, { counts: { patching: 3, validation: 3, test: 3 } }, 0);
    expect(new Set(drawn.map(({ prompt }) => prompt)).size).toBe(9);
    expect(() => drawPrompts(space, { counts: { patching: 3, validation: 3, test: 4 } }, 0)).toThrow(
      "toy: 10 prompts are asked for, but the words that this tokenizer leaves make only 9. Take another task",
    );
  });

  test("a large space with nothing in it is given up", () => {
    const empty: PromptSpace = { task: "toy", sizes: [2 ** 20, 2 ** 20], build: () => undefined };
    expect(() => drawPrompts(empty, {}, 1)).toThrow(
      "toy: 3 prompts are asked for, but the words that this tokenizer leaves gave 0, and then no more in 10000 tries.",
    );
  });

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 40])("%s is no count", (validation) => {
    expect(() => drawPrompts(space, { counts: { validation } }, 1)).toThrow(
      `"validation": ${validation} is no number of prompts from 0 to 262144`,
    );
  });

  test("a count that is left out is the task's own; none at all give no examples", () => {
    expect(drawPrompts(space, {}, 2)).toHaveLength(6);
    expect(drawPrompts(space, {}, 0)).toEqual([]);
  });
});
