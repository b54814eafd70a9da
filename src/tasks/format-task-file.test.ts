import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatTaskCsv, formatTaskFile } from "./format-task-file.ts";
import { parseTaskFile } from "./task-file.ts";

test("one object a line, and only what there is", () => {
  const text = formatTaskFile([
    { prompt: "a", answers: [], split: "patching" },
    { prompt: 'b"\n', answers: [" x", " y"], split: undefined },
  ]);
  expect(text).toBe('{"split":"patching","prompt":"a"}\n{"prompt":"b\\"\\n","answers":[" x"," y"]}\n');
});

test("what is written is read back the same", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1 });
  const answers = fc.array(text, { minLength: 1, maxLength: 3 });
  const example = fc.oneof(
    fc.record({ prompt: text, answers: fc.constant([]), split: fc.constant("patching" as const) }),
    fc.record({ prompt: text, answers, split: fc.constantFrom("validation", "test", undefined) }),
  );
  fc.assert(
    fc.property(fc.array(example, { minLength: 1 }), (examples) => {
      const read = parseTaskFile(formatTaskFile(examples), "t.jsonl").examples;
      expect(read).toEqual(examples.map((written, i) => ({ ...written, line: i + 1 })));
    }),
  );
});

test("labels stand on their lines", () => {
  const text = '{"prompt":"a","answers":[" is"],"labels":[" is"," are"]}\n';
  const { examples } = parseTaskFile(text, "t.jsonl");
  expect(examples[0]?.labels).toEqual([" is", " are"]);
  expect(formatTaskFile(examples)).toBe(text);
});

test("distractors stand on their lines, and in a column of their own", () => {
  const text = '{"prompt":"a","answers":[" is"],"distractors":[" are"," were"]}\n';
  const { examples } = parseTaskFile(text, "t.jsonl");
  expect(examples[0]?.distractors).toEqual([" are", " were"]);
  expect(formatTaskFile(examples)).toBe(text);
  const csv = formatTaskCsv(examples);
  expect(csv).toBe("prompt,answers,distractors\r\na, is, are| were\r\n");
  expect(parseTaskFile(csv, "t.csv").examples[0]?.distractors).toEqual([" are", " were"]);
});

describe("CSV", () => {
  test("cells with commas, quotes and line ends are quoted; columns that nobody needs are left out", () => {
    const text = formatTaskCsv([{ prompt: 'a, "b"\n', answers: [" x", " y"], split: undefined }]);
    expect(text).toBe('prompt,answers\r\n"a, ""b""\n", x| y\r\n');
  });

  test("what is written is read back the same", () => {
    const text = fc.string({ unit: "grapheme", minLength: 1 }).filter((each) => !each.includes("|"));
    const example = fc.record({
      prompt: text,
      answers: fc.array(text, { minLength: 1, maxLength: 3 }),
      split: fc.constantFrom("patching" as const, "validation" as const, "test" as const),
    });
    fc.assert(
      fc.property(fc.array(example, { minLength: 1 }), (examples) => {
        const read = parseTaskFile(formatTaskCsv(examples), "t.csv").examples;
        expect(read.map(({ line: _, ...rest }) => rest)).toEqual(examples);
      }),
    );
  });

  test("an answer with the separator in it is refused", () => {
    expect(() => formatTaskCsv([{ prompt: "a", answers: ["x|y"], split: undefined }])).toThrow(
      /"x\|y" can't stand/,
    );
  });
});
