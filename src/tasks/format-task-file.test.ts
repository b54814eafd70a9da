import fc from "fast-check";
import { expect, test } from "vitest";
import { formatTaskFile } from "./format-task-file.ts";
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
