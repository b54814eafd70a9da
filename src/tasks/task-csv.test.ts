import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { readTaskCsv } from "./task-csv.ts";
import { parseTaskFile } from "./task-file.ts";

const parse = (contents: string) => parseTaskFile(contents, "tasks/t.csv");

describe("parseTaskCsv", () => {
  test("columns in any order; several answers and labels by |", () => {
    const { name, examples } = parse(
      'split,prompt,answers,labels\nvalidation,"A, b", Mary| John,\n' +
        "test,c, yes, yes| no\npatching,d,,\n",
    );
    expect(name).toBe("t");
    expect(examples).toEqual([
      { prompt: "A, b", answers: [" Mary", " John"], split: "validation", line: 2 },
      { prompt: "c", answers: [" yes"], labels: [" yes", " no"], split: "test", line: 3 },
      { prompt: "d", answers: [], split: "patching", line: 4 },
    ]);
  });

  test("one answer is taken as it stands, and cells keep their spaces", () => {
    expect(parse('Prompt , ANSWER\n a , b| \n" ""q"" ",x\n').examples).toEqual([
      { prompt: " a ", answers: [" b| "], split: undefined, line: 2 },
      { prompt: ' "q" ', answers: ["x"], split: undefined, line: 3 },
    ]);
  });

  test("byte order mark, CR LF, empty lines, rows of empty cells, no line end at the end", () => {
    const { examples } = parse("\uFEFF\r\nprompt,answer\r\n\r\n,\r\na,x\r\n\r\nb,y");
    expect(examples.map(({ prompt, line }) => [prompt, line])).toEqual([
      ["a", 5],
      ["b", 7],
    ]);
  });

  test("lines are the file's, whatever line ends the cells hold", () => {
    const contents = 'prompt,answer\n"a\nb",x\n\n"c\r\nd\r\n\r\n",y\ré,"z\n"\ne,w\n';
    expect(parse(contents).examples.map(({ prompt, line }) => [prompt, line])).toEqual([
      ["a\nb", 2],
      ["c\r\nd\r\n\r\n", 5],
      ["é", 9],
      ["e", 11],
    ]);
  });

  test("what is written as CSV is read again, with its lines", () => {
    const cell = fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }).filter((s) => s !== "\uFEFF");
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 6 }),
        fc.constantFrom("\n", "\r\n"),
        (rows, lineEnd) => {
          const lines = rows.map((cells) => cells.map(quoted).join(","));
          const { examples } = parse(["prompt,answer", ...lines, ""].join(lineEnd));
          let line = 2;
          expect(examples).toEqual(
            rows.map(([prompt, answer]) => {
              const example = { prompt, answers: [answer], split: undefined, line };
              line += 1 + (`${prompt}\0${answer}`.match(/\r\n|\r|\n/g) ?? []).length;
              return example;
            }),
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  test("a long file is read in parts that end where rows do", () => {
    const cells = ["a", '"b\n\n""c"""', '"d\r\ne"', '"""\n"""', "f\u00e9"];
    for (const lineEnd of ["\n", "\r\n", "\r"]) {
      const rows = Array.from({ length: 20_000 }, (_, at) => `${cells[at % cells.length]},${at}`);
      const { examples } = parse(["prompt,answer", ...rows].join(lineEnd));
      let line = 2;
      const wanted = rows.map((row, at) => {
        const here = line;
        line += 1 + (row.match(/\r\n|\r|\n/g) ?? []).length;
        return [`${at}`, here];
      });
      expect(examples.map(({ answers: [answer], line: found }) => [answer, found])).toEqual(wanted);
    }
  });

  test("reading goes on after a row's fault, and ends at a quote that is not closed", () => {
    const good = "a,b\n".repeat(20_000);
    const text = `prompt,answer\n,x\n${good}a,b,c\n${good}a,\n"${good}`;
    const faults = [...readTaskCsv(text, "t.csv")].filter((found) => found instanceof PithError);
    expect(faults.map(({ place }) => place.line)).toEqual([2, 20_003, 40_004, 40_005]);
    expect(faults.at(-1)?.message).toMatch(/not closed|more than/);
  });

  test("a row of very many cells is told at its line without being parsed, and ends the reading", () => {
    const wide = (cells: number) => `${"x,".repeat(cells - 1)}x`;
    const read = (text: string) =>
      [...readTaskCsv(text, "t.csv")].flatMap((found) => (found instanceof PithError ? [found.message] : []));
    expect(read(`prompt,answer\na,b\n${wide(1000)}\n`)).toEqual([
      "t.csv:3: has 1000 cells, but the first row has 2 cells. A cell with a comma in it must be quoted.",
    ]);
    const told = "more than 1000 cells in one row. A cell with commas in it must be quoted.";
    expect(read(`prompt,answer\n"a\nb",c\n\n${wide(500_000)}\n,d\n`)).toEqual([`t.csv:5: ${told}`]);
    expect(read(wide(500_000))).toEqual([`t.csv:1: ${told}`]);
    // Commas within quotes separate nothing.
    expect(read(`prompt,answer\n"${wide(5000)}",b\n`)).toEqual([]);
  });

  test.each<[string, string, string]>([
    ["nothing", "", "tasks/t.csv: has no examples. Write a first row of column names"],
    ["a header alone", "prompt,answer\n", "tasks/t.csv: has no examples."],
    [
      "no header",
      "The capital of Canada is, Ottawa\n",
      't.csv:1: unknown column "The capital of Canada is".',
    ],
    ["semicolons", "prompt;answer\na;b\n", "Columns are separated by commas."],
    ["an empty column name", "prompt,answer,\na,b,\n", "t.csv:1: an empty column name."],
    ["a column twice", "prompt,answer,prompt\n", 't.csv:1: the column "prompt" stands twice'],
    ["no prompts", "answer,split\nx,test\n", 't.csv:1: no column "prompt".'],
    ["no answers", "prompt\na\n", 't.csv:2: no "answers".'],
    ["both kinds of answer", "prompt,answer,answers\na,b,c\n", 't.csv:2: both "answer" and "answers".'],
    [
      "too many cells",
      'prompt,answer\n"a\n",b\nc,d,e\n',
      "t.csv:4: has 3 cells, but the first row has 2 cells.",
    ],
    ["too few cells", "prompt,answer\na\n", "t.csv:2: has 1 cell, but the first row has 2 cells."],
    ["an empty prompt", "prompt,answer\n,b\n", 't.csv:2, "prompt": must not be empty'],
    ["an empty answer", "prompt,answers\na,b||c\n", 't.csv:2, "answers.1": must not be empty'],
    ["one label", "prompt,answer,labels\na,b,b\n", 't.csv:2, "labels": must name at least two'],
    ["another split", "prompt,answer,split\na,b,train\n", 't.csv:2, "split": "train" is none of patching,'],
    ["an open quote", 'prompt,answer\n"a\nb",x\nc,"d\n\ne,f', "t.csv:4: a quoted cell that begins here is"],
    ["a quote inside", 'prompt,answer\na,x\nb"c,d\n', "t.csv:3: a quote within a cell that is not quoted."],
    ["text after a quote", 'prompt,answer\n"a"b,c\n', "t.csv:2: text after a cell's closing quote."],
    [
      "a very long row",
      `prompt,answer\n${"a".repeat(2 ** 20 + 1)},b\n`,
      "t.csv:2: more than 1048576 characters",
    ],
  ])("refuses %s", (_, contents, message) => {
    expect(() => parse(contents)).toThrow(message);
    expect(() => parse(contents)).toThrow(expect.objectContaining({ name: "PithError", code: "task" }));
  });
});

describe("tabs, and lists in cells", () => {
  test("a .tsv file has tabs between its cells", () => {
    const contents = 'prompt\tanswers\tsplit\n"a\tb, c"\tx|y\ttest\n';
    expect(parseTaskFile(contents, "mine.tsv")).toMatchObject({
      name: "mine",
      examples: [{ prompt: "a\tb, c", answers: ["x", "y"], split: "test", line: 2 }],
    });
    expect(() => parseTaskFile("prompt,answers\n", "mine.tsv")).toThrow(
      "Columns of a .tsv file are separated by tabs.",
    );
    expect(() => parseTaskFile("prompt\tanswers\n", "mine.csv")).toThrow(
      "separated by commas, or by tabs where the file's name ends in .tsv.",
    );
  });

  test("a list of Python's or JSON's is as many answers", () => {
    const contents = 'prompt,answers\na,"[\'x\', \'y|z\']"\nb,"[""x""]"\n';
    expect(parseTaskFile(contents, "t.csv").examples.map(({ answers }) => answers)).toEqual([
      ["x", "y|z"],
      ["x"],
    ]);
    expect(() => parseTaskFile("prompt,answer\na,['x']\n", "t.csv")).toThrow(
      't.csv:2, "answer": is a list. Name the column "answers".',
    );
  });
});
