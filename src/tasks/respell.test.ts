import { expect, test } from "vitest";
import { endsInSpace, respell } from "./respell.ts";

const example = (prompt: string, answers: readonly string[], labels?: readonly string[]) => ({
  ...{ prompt, answers, split: undefined, line: 1 },
  ...(labels && { labels }),
});

test.each([
  ["gave it to", ["Mary"], "gave it to", [" Mary"]],
  ["gave it to ", ["Mary"], "gave it to", [" Mary"]],
  ["gave it to ", [" Mary"], "gave it to", [" Mary"]],
  ["gave it to", [" Mary", " her"], "gave it to", ["Mary", "her"]],
  ["the year 1732 to 17", ["33"], "the year 1732 to 17", [" 33"]],
  ["Answer:\n", ["Mary"], "Answer:\n", [" Mary"]],
])("%j with %j is also written %j with %j", (prompt, answers, otherPrompt, otherAnswers) => {
  expect(respell(example(prompt, answers))).toMatchObject({ prompt: otherPrompt, answers: otherAnswers });
});

test("labels are written as the answers are", () => {
  const labels = ["good", "bad"];
  expect(respell(example("It was", ["bad"], labels)).labels).toEqual([" good", " bad"]);
  expect(respell(example("It was", [" bad"], [" good", " bad"])).labels).toEqual(labels);
});

test("a blank at the end is one that joins the next word, and no line end", () => {
  expect(["to ", "to\t", "to\u00a0", "to  "].every(endsInSpace)).toBe(true);
  expect(["to", "to\n", " to", ""].some(endsInSpace)).toBe(false);
});
