import { expect, test } from "vitest";
import { terminalStyle } from "./terminal-style.ts";
import { builtinTasksReport, taskReport } from "./terminal-tasks.ts";

const plain = terminalStyle({ width: 80 });

test("the list names each task with an example", () => {
  const report = builtinTasksReport(
    [{ name: "greater-than", title: "a later year", example: ["from 1732 to 17", "33"], source: "someone" }],
    plain,
  );
  expect(report).toMatchInlineSnapshot(`
    " task        greater-than: a later year
                 from 1732 to 17
                 → "33"
                 someone"
  `);
});

test("a task tells its prompts, the words that serve, and its samples", () => {
  const report = taskReport(
    {
      name: "acronyms",
      description: "The third letter.",
      bos: true,
      promptTokens: 11,
      prompts: { patching: 1, validation: 2, test: 3 },
      words: [{ kind: "words", given: 9, kept: 7 }],
      notes: [],
      samples: [
        { prompt: "x", boundaries: "|The| C|", tokens: 2, answers: ["O", "P", "Q", "R"] },
        { prompt: "y", boundaries: "|The| D|", tokens: 2, answers: ["O"] },
      ],
    },
    plain,
  );
  expect(report).toMatchInlineSnapshot(`
    " task        acronyms: The third letter.
     prompts     1 patching, 2 validation, 3 test, of 11 tokens
                 the start token comes first (a file of it needs --bos)
     words       7 of 9 words serve
     samples     |The| C| → "O", "P", "Q", … (4)
                 |The| D| → "O""
  `);
});
