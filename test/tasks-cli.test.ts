/** Tasks on the built command line: a built-in one from extraction to evaluation, CSV with labels, and mistakes. */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { CircuitJson } from "../src/export/circuit-format-2.ts";
import { parseTaskFile } from "../src/tasks/task-file.ts";
import { runCli, withFolder } from "./support/run-cli.ts";

const folder = withFolder();
afterAll(folder.remove);
const cli = (...args: readonly string[]) => runCli(args, folder.path);

test("greater-than by name: extracted, kept with its years, and evaluated again on the same prompts", async () => {
  const extracted = await cli(
    "extract",
    "--task",
    "greater-than",
    "--seed",
    "5",
    "--no-mlps",
    "--out",
    "later",
  );
  expect(extracted).toMatchObject({ code: 0 });
  expect(extracted.stdout).toMatch(
    /years +p\(later\) − p\(earlier\) 0\.\d{3} → 0\.\d{3} on the test prompts/,
  );
  const circuit = JSON.parse(readFileSync(join(folder.path, "later/circuit.json"), "utf8")) as CircuitJson;
  expect(circuit.task).toMatchObject({
    ...{ name: "greater-than", examples: { patching: 250, validation: 250, test: 250 } },
  });
  expect(circuit.task.bos).toBe(false);

  const evaluated = await cli("eval", "later", "--json");
  expect(evaluated).toMatchObject({ code: 0 });
  const { splits } = JSON.parse(evaluated.stdout) as {
    readonly splits: Readonly<Record<string, { readonly [measure: string]: number }>>;
  };
  for (const split of ["validation", "test"] as const) {
    const { yearMass, accuracy } = circuit.metrics;
    expect(splits[split]?.["accuracy"]).toBe(accuracy[split]?.circuit);
    expect(splits[split]?.["yearMass"]).toBeCloseTo(yearMass?.[split]?.circuit ?? Number.NaN, 6);
    expect(splits[split]?.["originalYearMass"]).toBeCloseTo(yearMass?.[split]?.original ?? Number.NaN, 6);
  }
});

test("CSV with labels, as an option and as a column", async () => {
  const rows = ["good", "fine", "kind", "bad", "poor", "sad"].flatMap((word) =>
    ["dog", "cat", "book"].map((thing): readonly [string, string] => [
      `"Review: the ${thing} was ${word}, Sentiment:"`,
      ["good", "fine", "kind"].includes(word) ? " positive" : " negative",
    ]),
  );
  const labels = " positive| negative";
  const plain = ["prompt,answer", ...rows.map((cells) => cells.join(","))].join("\r\n");
  const own = ["prompt,answer,labels", ...rows.map((cells) => [...cells, labels].join(","))].join("\n");
  writeFileSync(join(folder.path, "plain.csv"), plain);
  writeFileSync(join(folder.path, "own.csv"), own);
  // On twelve reviews nano is no better than a guess.
  const search = ["--means", "pooled", "--no-mlps", "--threads", "1", "--allow-weak", "--json"];
  const flags = ["--label", " positive", "--label", " negative"];
  const byOption = await cli("extract", "--task", "plain.csv", ...flags, ...search, "--out", "option");
  const byColumn = await cli("extract", "--task", "own.csv", ...search, "--out", "column");
  expect([byOption.code, byColumn.code]).toEqual([0, 0]);
  const [one, other] = [byOption, byColumn].map(
    ({ stdout }) => (JSON.parse(stdout) as { readonly circuit: CircuitJson }).circuit,
  );
  expect(one?.task.labels).toEqual([" positive", " negative"]);
  expect(one?.metrics.accuracy).toEqual(other?.metrics.accuracy);
  expect(one?.kept).toEqual(other?.kept);
});

test("the files that docs/tasks.md shows are task files", () => {
  const page = readFileSync(resolve("docs/tasks.md"), "utf8");
  const blocks = [...page.matchAll(/^```(json|csv)\n(.*?)^```/gms)];
  expect(blocks.map(([, kind]) => kind)).toEqual(["json", "csv"]);
  for (const [, kind, contents = ""] of blocks) {
    expect(parseTaskFile(contents, `shown.${kind}`).examples).toHaveLength(2);
  }
});

test("token counts agree: of all prompts, and of the samples", async () => {
  const { stdout } = await cli("tasks", "show", "acronyms", "--json");
  const { promptTokens, bos, samples } = JSON.parse(stdout);
  expect(bos).toBe(true);
  expect(samples.map(({ tokens }: { readonly tokens: number }) => tokens)).toEqual(
    samples.map(() => promptTokens),
  );
  // The start token is shown, and not counted.
  expect(samples[0].boundaries.replace("<|endoftext|>", "").slice(1, -1).split("|")).toHaveLength(
    promptTokens + 1,
  );
});

test("folders above a task file are made, as those above any output are", async () => {
  expect(await cli("tasks", "write", "ioi", "new/folder/ioi.jsonl")).toMatchObject({ code: 0 });
  expect(readFileSync(join(folder.path, "new/folder/ioi.jsonl"), "utf8")).toContain('"prompt"');
});

test("a built-in task written as CSV is the task file that its JSON Lines are", async () => {
  for (const file of ["later.csv", "later.jsonl"]) {
    expect(await cli("tasks", "write", "greater-than", file, "--json")).toMatchObject({ code: 0 });
  }
  const [csv, lines] = ["later.csv", "later.jsonl"].map((file) =>
    parseTaskFile(readFileSync(join(folder.path, file), "utf8"), file).examples.map(
      ({ line: _, ...rest }) => rest,
    ),
  );
  expect(csv).toHaveLength(750);
  expect(csv).toEqual(lines);
});

describe("mistakes", () => {
  test.each<readonly [string, readonly string[], string]>([
    [
      "a name that is neither",
      ["extract", "--task", "iou"],
      "error: iou: there is no such file, and no built-in task of that name. Built in are ioi, greater-than,",
    ],
    ["one label", ["extract", "--label", " yes"], 'only the label " yes". Classification needs two labels'],
    ["a CSV row", ["extract", "--task", "broken.csv"], "broken.csv:4: has 1 cell, but the first row has 2"],
    [
      "templates of a task file's making",
      ["extract", "--task", "ioi", "--templates", "varied"],
      "unknown option '--templates'",
    ],
    [
      "another task's option",
      ["tasks", "show", "ioi", "--letter", "2"],
      'error: "--letter": is an option of acronyms. Leave it out.',
    ],
    ["no such letter", ["tasks", "show", "acronyms", "--letter", "4"], "Allowed choices are 1, 2, 3."],
    [
      "a folder that takes no files",
      ["tasks", "write", "ioi", "/proc/ioi.jsonl"],
      "/proc/ioi.jsonl: can't be written there. Choose another place.",
    ],
  ])("%s", async (_, args, message) => {
    writeFileSync(join(folder.path, "broken.csv"), 'prompt,answer\n"a\nb",c\nd\n');
    const { code, stderr, stdout } = await cli(...args, ...(args[0] === "tasks" ? [] : ["--out", "never"]));
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
