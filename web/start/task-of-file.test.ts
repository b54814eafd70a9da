import { expect, test } from "vitest";
import { refusalOfFile, taskFormat, taskOfFile } from "./task-of-file.ts";

test("a file gives its text, a name that the server takes, and its format", async () => {
  expect(await taskOfFile(new File(["prompt,answer\n"], "Länder & <b>/Städte.csv"))).toEqual({
    ...{ text: "prompt,answer\n", name: "Länder - -b-Städte", format: "csv" },
  });
  expect((await taskOfFile(new File([""], ".jsonl"))).name).toBe("my task");
  expect((await taskOfFile(new File([""], `${"x".repeat(100)}.txt`))).name).toHaveLength(80);
});

test.each([
  ["prompt,answer", "a.JSONL", "jsonl"],
  ['{"prompt": 1}', "a.csv", "csv"],
  ['  {"prompt": 1}', "a.txt", "jsonl"],
  ["prompt,answer", "", "csv"],
] as const)("the format of %s in %s is %s", (text, name, format) => {
  expect(taskFormat(text, name)).toBe(format);
});

test("a file that is larger than a request may be is refused by name", () => {
  expect(refusalOfFile({ name: "a.csv", size: 7 * 2 ** 20 })).toBeUndefined();
  expect(refusalOfFile({ name: "a.csv", size: 7 * 2 ** 20 + 1 })).toMatch(/^a\.csv has /);
});
