import { describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { parseTaskFile, taskName } from "./task-file.ts";

const good = '{"prompt": "a", "answers": ["b"]}';

describe("parseTaskFile", () => {
  test("keeps prompts, answers, splits and line numbers", () => {
    const file = parseTaskFile(
      [
        '{"split": "patching", "prompt": "one"}',
        '{"prompt": "two", "answers": [" x", " y"], "split": "validation"}',
        "",
        '{"prompt": "three", "answer": " z", "split": "test"}',
      ].join("\n"),
      "some/where/names.jsonl",
    );
    expect(file).toEqual({
      name: "names",
      examples: [
        { prompt: "one", answers: [], split: "patching", line: 1 },
        { prompt: "two", answers: [" x", " y"], split: "validation", line: 2 },
        { prompt: "three", answers: [" z"], split: "test", line: 4 },
      ],
    });
  });

  test("a BOM, Windows line ends, blank lines and a missing last line end are no fault", () => {
    const { examples } = parseTaskFile(`\uFEFF\r\n${good}\r\n  \t\r\n${good}`, "t.jsonl");
    expect(examples.map(({ line }) => line)).toEqual([2, 4]);
  });

  test.each([
    ["cut JSON", '{"prompt": "a"', "t.jsonl:2: not JSON"],
    ["two objects in a line", `${good}${good}`, "t.jsonl:2: not JSON"],
    ["a list", "[]", "t.jsonl:2: expected a JSON object, found a list"],
    ["a string", '"a"', "t.jsonl:2: expected a JSON object, found a string"],
    ["null", "null", "t.jsonl:2: expected a JSON object, found null"],
    ["no prompt", '{"answers": ["b"]}', 't.jsonl:2, "prompt": is missing'],
    ["an empty prompt", '{"prompt": "", "answers": ["b"]}', 't.jsonl:2, "prompt": must not be empty'],
    [
      "a number for a prompt",
      '{"prompt": 7, "answers": ["b"]}',
      't.jsonl:2, "prompt": expected string, found 7',
    ],
    [
      "both forms of answers",
      '{"prompt": "a", "answer": "b", "answers": ["b"]}',
      't.jsonl:2: both "answer" and',
    ],
    [
      "labels and distractors",
      '{"prompt": "a", "answer": "b", "labels": ["b", "c"], "distractors": ["c"]}',
      't.jsonl:2: both "labels" and "distractors"',
    ],
    [
      "an answer that is a distractor",
      '{"prompt": "a", "answer": "b", "distractors": ["b"]}',
      't.jsonl:2: "b" is both an answer and a distractor',
    ],
    [
      "no answer in the list",
      '{"prompt": "a", "answers": []}',
      't.jsonl:2, "answers": must name at least one',
    ],
    ["an empty answer", '{"prompt": "a", "answers": ["b", ""]}', 't.jsonl:2, "answers.1": must not be empty'],
    [
      "a string for answers",
      '{"prompt": "a", "answers": "b"}',
      't.jsonl:2, "answers": expected array, found "b"',
    ],
    ["no answers, no split", '{"prompt": "a"}', 't.jsonl:2: no "answers"'],
    ["no answers for validation", '{"prompt": "a", "split": "validation"}', 't.jsonl:2: no "answers"'],
    [
      "an unknown split",
      '{"prompt": "a", "answer": "b", "split": "train"}',
      '"split": "train" is none of patching,',
    ],
    ["an unknown key", '{"prompt": "a", "anwsers": ["b"]}', 't.jsonl:2: unknown key "anwsers"'],
    ["__proto__", '{"prompt": "a", "answer": "b", "__proto__": {}}', 't.jsonl:2: unknown key "__proto__"'],
    [
      "half a character",
      '{"prompt": "\\ud83d", "answer": "b"}',
      't.jsonl:2, "prompt": holds a lone surrogate',
    ],
    [
      "deep nonsense",
      `{"prompt": ${"[".repeat(90000)}${"]".repeat(90000)}}`,
      "t.jsonl:2: nests deeper than 64 levels",
    ],
    [
      "a line without end",
      `{"prompt": "${"a".repeat(2 ** 20)}"}`,
      "t.jsonl:2: 1048590 characters are too many",
    ],
  ])("refuses %s, with its line", (_, line, message) => {
    const parse = () => parseTaskFile(`${good}\n${line}\n${good}`, "t.jsonl");
    expect(parse).toThrow(PithError);
    expect(parse).toThrow(message);
  });

  test.each(["", "\n\n", "\uFEFF"])("refuses a file without examples: %j", (contents) => {
    expect(() => parseTaskFile(contents, "t.jsonl")).toThrow("t.jsonl: has no examples");
  });
});

test.each([
  ["ioi.jsonl", "ioi"],
  ["a/b.c/ioi.v2.jsonl", "ioi.v2"],
  ["C:\\tasks\\ioi.JSONL", "ioi"],
  [".jsonl", ".jsonl"],
  ["folder/", "task"],
])("the task of %s is called %s", (path, name) => {
  expect(taskName(path)).toBe(name);
});
