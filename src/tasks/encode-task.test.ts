import { beforeAll, describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { loadTokenizer } from "../tokenizer/load-tokenizer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { missingSpace } from "./encode-answers.ts";
import { type EncodeTaskOptions, encodeTask } from "./encode-task.ts";
import { readTaskFile } from "./read-task-file.ts";
import { splitExamples } from "./split.ts";
import { parseTaskFile } from "./task-file.ts";

let nano: Tokenizer;
beforeAll(async () => {
  nano = await loadTokenizer("models/nano");
});

const defaults: EncodeTaskOptions = { means: "aligned", bos: false, contextLength: 64, fileName: "t.jsonl" };

function encode(lines: readonly object[], options: Partial<EncodeTaskOptions> = {}, tokenizer = nano) {
  const contents = lines.map((line) => JSON.stringify(line)).join("\n");
  const { examples } = parseTaskFile(contents, "t.jsonl");
  return encodeTask(splitExamples(examples, { seed: 0, fileName: "t.jsonl" }), tokenizer, {
    ...defaults,
    ...options,
  });
}

const patching = { prompt: "The capital of Russia is", split: "patching" };
const validation = { prompt: "The capital of Canada is", answers: [" Ottawa"], split: "validation" };

describe("encodeTask", () => {
  test.each([
    ["nano-ioi", 15],
    ["nano-acronyms", 10],
    ["nano-greater-than", 10],
  ])("%s: 150 + 150 prompts of %i tokens, each answer one token", async (name, length) => {
    const fileName = `test/golden/${name}.jsonl`;
    const { examples } = await readTaskFile(fileName);
    const splits = splitExamples(examples, { seed: 0, fileName });
    const task = encodeTask(splits, nano, { ...defaults, fileName });
    expect(task.name).toBe(name);
    expect([task.patching.length, task.validation.length, task.test.length]).toEqual([150, 150, 0]);
    for (const example of [...task.patching, ...task.validation]) {
      expect(example.ids).toHaveLength(length);
      for (const answer of example.answers) expect(answer).toHaveLength(1);
    }
    const withStart = encodeTask(splits, nano, { ...defaults, bos: true, fileName });
    expect(withStart.validation[0]?.ids).toEqual([2193, ...(task.validation[0]?.ids ?? [])]);
  });

  test("keeps lines, prompts and every accepted answer", () => {
    const { name, validation: encoded } = encode([
      patching,
      { ...validation, answers: [" Ottawa", " Athens"] },
    ]);
    expect(name).toBe("t");
    expect(encoded).toEqual([
      {
        line: 2,
        prompt: "The capital of Canada is",
        ids: nano.encode("The capital of Canada is"),
        answers: [nano.encode(" Ottawa"), nano.encode(" Athens")],
        forced: nano.encode("The capital of Canada is"),
        scored: 1,
      },
    ]);
  });

  test("pooled means take prompts of any length", () => {
    const task = encode([patching, { ...validation, prompt: "The capital" }], { means: "pooled" });
    expect([task.patching[0]?.ids.length, task.validation[0]?.ids.length]).toEqual([5, 2]);
  });

  test("pooled means take an answer of several tokens, teacher-forced", () => {
    const [plain, forced] = encode([patching, validation, { ...validation, answers: [" Ottawa zz"] }], {
      ...{ means: "pooled", bos: true },
    }).validation;
    const ids = [2193, ...nano.encode("The capital of Canada is")];
    const answer = nano.encode(" Ottawa zz");
    expect(answer.length).toBeGreaterThan(2);
    expect(plain).toMatchObject({ ids, forced: ids, scored: 1 });
    expect(forced).toMatchObject({ ids, answers: [answer], scored: answer.length });
    expect(forced?.forced).toEqual([...ids, ...answer.slice(0, -1)]);
    // What is forced must fit, not the prompt alone.
    const contextLength = ids.length + 1;
    expect(() =>
      encode([patching, { ...validation, answers: [" Ottawa zz"] }], { means: "pooled", contextLength }),
    ).toThrow("t.jsonl:2: the prompt and its answer have");
  });

  test("patching prompts take their answers along, and may do without", () => {
    const { patching: encoded } = encode([patching, { ...patching, answers: [" zz"] }, validation], {
      means: "pooled",
    });
    expect(encoded.map(({ ids, forced, scored }) => [forced.length - ids.length, scored])).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  test("an answer that probably misses its space is pointed at, though several tokens are allowed", () => {
    const example = { prompt: "a", split: undefined };
    const examples = [
      { ...example, answers: [" param", " zz"], line: 1 },
      { ...example, answers: ["zz", "param"], line: 2 },
    ];
    expect(missingSpace(examples, nano, "t.csv")).toBe(
      't.csv:2: the answer "param" is 3 tokens. With a space before it, " param", it is one.',
    );
    expect(missingSpace(examples.slice(0, 1), nano, "t.csv")).toBeUndefined();
  });

  test("labels are tokens, of patching prompts without answers too", () => {
    const labels = [" Ottawa", " Athens"];
    const task = encode([
      { ...patching, labels },
      { ...validation, labels },
    ]);
    const ids = labels.flatMap((label) => nano.encode(label));
    expect([task.patching[0]?.labels, task.validation[0]?.labels]).toEqual([ids, ids]);
  });

  test("distractors are tokens; of labels, those that are not right", () => {
    const own = encode([patching, { ...validation, distractors: [" Athens", " Moscow"] }]);
    expect(own.validation[0]?.distractors).toEqual(
      [" Athens", " Moscow"].flatMap((text) => nano.encode(text)),
    );
    const labels = [...validation.answers, " Athens"];
    const labelled = encode([patching, { ...validation, labels }]);
    expect(labelled.validation[0]?.distractors).toEqual(nano.encode(" Athens"));
    expect(encode([patching, validation]).validation[0]).not.toHaveProperty("distractors");
    expect(() => encode([patching, { ...validation, distractors: ["param"] }])).toThrow(
      't.jsonl:2: the distractor "param" is 3 tokens',
    );
  });

  test("the context counts the start token", () => {
    expect(() => encode([patching, validation], { contextLength: 5 })).not.toThrow();
    expect(() => encode([patching, validation], { contextLength: 5, bos: true })).toThrow(
      "t.jsonl:1: the prompt has 6 tokens with the one that bos puts before it, the model takes 5",
    );
    expect(() => encode([patching, validation], { contextLength: 4 })).toThrow(
      "t.jsonl:1: the prompt has 5 tokens, the model takes 4",
    );
  });

  test.each<[string, readonly object[], string]>([
    [
      "unequal lengths under aligned means",
      [patching, validation, { ...validation, prompt: "The opposite" }],
      "t.jsonl:3: the prompt has 2 tokens, the one in line 1 has 5; aligned means need prompts of one length. Circuits with pooled means",
    ],
    [
      "an answer of several tokens, with its pieces",
      [patching, { ...validation, answers: [" Ottawa", " zz\n"] }],
      't.jsonl:2: the answer " zz\\n" is 4 tokens, " " + "z" + "z" + "\\n"; of several accepted answers each must be one.',
    ],
    [
      "a single answer of several tokens under aligned means",
      [patching, { ...validation, answers: [" zz"] }],
      't.jsonl:2: the answer " zz" is 3 tokens, " " + "z" + "z"; with aligned means it must be one. Circuits with pooled means',
    ],
    [
      "a label of several tokens",
      [patching, { ...validation, labels: [" Ottawa", " zz"] }],
      't.jsonl:2: the label " zz" is 3 tokens, " " + "z" + "z"; it must be one.',
    ],
    [
      "a label that misses its space",
      [{ ...patching, labels: [" is", "param"] }, validation],
      't.jsonl:1: the label "param" is 3 tokens, "p" + "ar" + "am"; it must be one. With a space before it, " param", it is one.',
    ],
    [
      "an answer that is no label",
      [patching, { ...validation, labels: [" Athens", " Moscow"] }],
      't.jsonl:2: the answer " Ottawa" is none of the labels " Athens", " Moscow".',
    ],
    [
      "a label that stands twice",
      [patching, { ...validation, labels: [" Ottawa", " Athens", " Athens"] }],
      't.jsonl:2: the label " Athens" is the same token as one before it',
    ],
    [
      "an answer that misses its space",
      [patching, { ...validation, answers: ["param"] }],
      'With a space before it, " param", it is one.',
    ],
    ["no validation prompts", [patching], "t.jsonl: the validation split is empty"],
    ["no patching prompts", [validation], "t.jsonl: the patching split is empty"],
  ])("refuses %s", (_, lines, message) => {
    expect(() => encode(lines)).toThrow(PithError);
    expect(() => encode(lines)).toThrow(message);
  });

  test("refuses bos where the tokenizer has no such token, and prompts that become nothing", () => {
    const withoutStart = { ...nano, endOfTextId: undefined };
    expect(() => encode([patching, validation], { bos: true }, withoutStart)).toThrow("Leave --bos out");
    const deaf = { ...nano, encode: () => [] };
    expect(() => encode([patching, validation], {}, deaf)).toThrow("t.jsonl:1: the prompt has no tokens");
  });

  test("the first faulty line is named, however the file is split", () => {
    const fine = Array.from({ length: 12 }, (_, i) => ({ prompt: `The ${i}`, answers: [" is"] }));
    const lines = fine.map((line, i) => (i === 4 || i === 9 ? { ...line, answers: [" is", " zzz"] } : line));
    const { examples } = parseTaskFile(lines.map((line) => JSON.stringify(line)).join("\n"), "t.jsonl");
    for (let seed = 0; seed < 10; seed++) {
      const splits = splitExamples(examples, { seed });
      expect(() => encodeTask(splits, nano, { ...defaults, means: "pooled" })).toThrow(
        "t.jsonl:5: the answer",
      );
    }
  });
});
