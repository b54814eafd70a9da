import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { splitExamples } from "./split.ts";
import type { Split, TaskExample } from "./task-file.ts";

const example = (prompt: string, line: number, split?: Split): TaskExample => ({
  prompt,
  answers: ["x"],
  split,
  line,
});
const distinct = (count: number) => Array.from({ length: count }, (_, i) => example(`prompt ${i}`, i + 1));
const lines = (examples: readonly TaskExample[]) => examples.map(({ line }) => line);

describe("a file without splits", () => {
  test("the same seed gives the same split, on any machine", () => {
    const { patching, validation, test } = splitExamples(distinct(9), { seed: 1 });
    expect([lines(patching), lines(validation), lines(test)]).toMatchInlineSnapshot(`
      [
        [
          1,
          7,
          9,
        ],
        [
          3,
          4,
          6,
        ],
        [
          2,
          5,
          8,
        ],
      ]
    `);
  });

  test("one prompt may stand in more lines than a call may have arguments", () => {
    // With other answers each, for equal lines count once.
    const many = Array.from({ length: 200_000 }, (_, line) => ({
      ...example("again", line + 1),
      answers: [`${line}`],
    }));
    const found = splitExamples([...many, ...distinct(4)], { seed: 1, patchingCount: 2, validationCount: 2 });
    expect([found.patching.length, found.validation.length, found.test.length]).toEqual([2, 2, 200_000]);
  });

  test("another seed gives another split", () => {
    const [one, two] = [1, 2].map((seed) => lines(splitExamples(distinct(60), { seed }).patching));
    expect(one).not.toEqual(two);
  });

  test.each([
    [2, 1, 1, 0],
    [30, 10, 10, 10],
    [200, 66, 66, 68],
    [450, 150, 150, 150],
    [1000, 150, 150, 700],
  ])("of %i examples, %i serve patching, %i validation, %i the test", (count, patching, validation, test) => {
    const splits = splitExamples(distinct(count), { seed: 0 });
    expect([splits.patching.length, splits.validation.length, splits.test.length]).toEqual([
      patching,
      validation,
      test,
    ]);
  });

  test("every different example is in one split, once, by its first line and in file order", () => {
    const examples = fc
      .array(fc.tuple(fc.constantFrom(..."abcdefghijkl"), fc.constantFrom("x", "y")), {
        minLength: 2,
        maxLength: 60,
      })
      .filter((pairs) => new Set(pairs.map(([prompt]) => prompt)).size > 1);
    fc.assert(
      fc.property(examples, fc.nat(), (pairs, seed) => {
        const all = pairs.map(([prompt, answer], i) => ({ ...example(prompt, i + 1), answers: [answer] }));
        const firstLines = new Map(pairs.map((pair, i) => [pair.join(" "), i + 1] as const).reverse());
        const { patching, validation, test } = splitExamples(all, { seed });
        const parts = [patching, validation, test];
        expect(parts.flatMap(lines).toSorted((a, b) => a - b)).toEqual(
          [...firstLines.values()].toSorted((a, b) => a - b),
        );
        for (const part of parts) expect(lines(part)).toEqual(lines(part).toSorted((a, b) => a - b));
        // Equal prompts stay together, whatever their answers.
        for (const [prompt] of pairs) {
          expect(parts.filter((part) => part.some((one) => one.prompt === prompt))).toHaveLength(1);
        }
      }),
    );
  });

  test("20,000 lines of 300 prompts are divided as those 300 prompts are", () => {
    const repeated = Array.from({ length: 20_000 }, (_, i) => example(`prompt ${i % 300}`, i + 1));
    const splits = splitExamples(repeated, { seed: 0 });
    expect(splits).toEqual(splitExamples(repeated.slice(0, 300), { seed: 0 }));
    expect(new Set(splits.validation.map(({ prompt }) => prompt)).size).toBe(100);
    expect(splits.test).toHaveLength(100);
  });

  test("needs more than one prompt, however often it stands there", () => {
    const split = () => splitExamples([example("a", 1), example("a", 2)], { seed: 0, fileName: "t.jsonl" });
    expect(split).toThrow(PithError);
    expect(split).toThrow("t.jsonl: has only one prompt, however often");
  });

  test("takes the counts that are asked for", () => {
    const splits = splitExamples(distinct(10), { seed: 0, patchingCount: 2, validationCount: 7 });
    expect([splits.patching.length, splits.validation.length, splits.test.length]).toEqual([2, 7, 1]);
  });

  test.each([
    [
      { patchingCount: 6, validationCount: 5 },
      "6 patching and 5 validation examples are asked for, but there are 10",
    ],
    [{ patchingCount: 0 }, "0 is not a whole number from 1 on"],
    [{ validationCount: 1.5 }, "1.5 is not a whole number"],
  ])("refuses %j", (counts, message) => {
    const split = () => splitExamples(distinct(10), { seed: 0, ...counts });
    expect(split).toThrow(PithError);
    expect(split).toThrow(message);
  });
});

describe("a file with splits", () => {
  const all = [example("a", 1, "patching"), example("b", 2, "validation"), example("a", 3, "validation")];

  test("keeps them, whatever the seed; the test set may be empty", () => {
    const splits = splitExamples(all, { seed: 5 });
    expect(lines(splits.patching)).toEqual([1]);
    expect(lines(splits.validation)).toEqual([2, 3]);
    expect(splits.test).toEqual([]);
  });

  test("must carry one in every line", () => {
    const mixed = [...all, example("c", 4), example("d", 5)];
    expect(() => splitExamples(mixed, { seed: 0, fileName: "t.jsonl" })).toThrow(
      't.jsonl:4: has no "split", but line 1 has one',
    );
  });

  test("leaves no choice of sizes", () => {
    expect(() => splitExamples(all, { seed: 0, patchingCount: 1 })).toThrow("carries its own splits");
  });
});
