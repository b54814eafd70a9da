import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { parseTaskFile, readExamples } from "./task-file.ts";

const all = (contents: string) => [...readExamples(contents, "t.json")];

describe("a JSON list of examples", () => {
  test("is read with the line where each begins", () => {
    const contents = `[
  {"prompt": "a, [b", "answer": "x"},

  {
    "prompt": "c\\"]}",
    "answers": ["y", "z"]
  }, {"prompt": "d", "answer": "e"}
]
`;
    expect(parseTaskFile(contents, "tasks/mine.json")).toEqual({
      name: "mine",
      examples: [
        { prompt: "a, [b", answers: ["x"], split: undefined, line: 2 },
        { prompt: 'c"]}', answers: ["y", "z"], split: undefined, line: 4 },
        { prompt: "d", answers: ["e"], split: undefined, line: 7 },
      ],
    });
  });

  test("gives what JSON.parse gives, however it is written", () => {
    const example = fc.record({ prompt: fc.string({ minLength: 1 }), answer: fc.string({ minLength: 1 }) });
    fc.assert(
      fc.property(
        fc.array(example, { minLength: 1 }),
        fc.constantFrom(undefined, 1, "\t"),
        (list, indent) => {
          const contents = JSON.stringify(list, null, indent);
          expect(all(contents)).toEqual(
            list.map(({ prompt, answer }) => expect.objectContaining({ prompt, answers: [answer] })),
          );
        },
      ),
    );
  });

  test.each([
    ['[{"prompt": "a", "answer": "b"},\n {"prompt": 1}]', 't.json:2, "prompt": expected string, found 1'],
    ['[{"prompt": "a", "answer": "b"},\n {prompt}]', "t.json:2: not JSON: see character 2."],
    ['[{"prompt": "a", "answer": "b"}\n', "t.json:2: not JSON: the list is not closed."],
    ['[{"prompt": "a", "answer": "b"}]\n\n[]', "t.json:3: text after the list's end."],
    ['["a"]', "t.json:1: expected a JSON object, found a string"],
    ["[,]", "t.json:1: not JSON"],
    [`[${"[".repeat(100)}`, "t.json:1: not JSON: the list is not closed."],
  ])("%j is an error with its line", (contents, message) => {
    expect(() => parseTaskFile(contents, "t.json")).toThrow(PithError);
    expect(() => parseTaskFile(contents, "t.json")).toThrow(message);
  });

  test("an empty one has no examples", () => {
    expect(() => parseTaskFile(" [ ]\n", "t.json")).toThrow("t.json: has no examples");
  });
});
