import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BUILTIN_TASKS } from "../tasks/builtin/index.ts";
import { formatTaskFile } from "../tasks/format-task-file.ts";
import { loadTokenizer } from "../tokenizer/load-tokenizer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { readTask } from "./read-task.ts";

let folder: string;
let tokenizer: Tokenizer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-read-task-"));
  tokenizer = await loadTokenizer("models/nano");
});
afterAll(() => rm(folder, { recursive: true }));

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** nano has too few words for the others. */
const names = BUILTIN_TASKS.map(({ name }) => name).filter(
  (name) => name !== "docstring" && name !== "pronouns",
);

test.each(names)("%s by name is the file that it would be; distractors are not in its hash", async (name) => {
  const task = await readTask(name, { tokenizer, seed: 3 });
  expect(task).toMatchObject({ name, path: name, builtin: name, bos: name === "acronyms" });
  const text = formatTaskFile(task.examples);
  const plain = task.examples.map(({ distractors: _, ...example }) => example);
  expect(task.sha256).toBe(sha256(formatTaskFile(plain)));
  const path = join(folder, `${name}.jsonl`);
  await writeFile(path, text);
  const file = await readTask(path);
  expect(file).toEqual({ name, path, sha256: sha256(text), examples: task.examples });
  expect((await readTask(name, { tokenizer, seed: 4 })).sha256).not.toBe(task.sha256);
});

test("a file without a name is the embedded model's own task", async () => {
  const task = await readTask();
  expect(task.sha256).toBe(sha256(await readFile("models/nano/tasks/ioi.jsonl", "utf8")));
});

test("CSV by its extension", async () => {
  const path = join(folder, "capitals.csv");
  await writeFile(path, "\uFEFFprompt,answer\r\nThe capital of Canada is, Ottawa\r\n");
  const { name, examples } = await readTask(path);
  expect({ name, examples }).toEqual({
    name: "capitals",
    examples: [{ prompt: "The capital of Canada is", answers: [" Ottawa"], split: undefined, line: 2 }],
  });
});

test("labels for all examples leave the file's fingerprint", async () => {
  const path = join(folder, "labels.jsonl");
  await writeFile(path, '{"prompt":"a","answer":" is"}\n{"prompt":"b","answer":" is","labels":["x","y"]}\n');
  const labels = [" is", " are"];
  const [plain, labelled] = [await readTask(path), await readTask(path, { labels })];
  expect(labelled.examples.map((example) => example.labels)).toEqual([labels, labels]);
  expect(plain.examples.map((example) => example.labels)).toEqual([undefined, ["x", "y"]]);
  expect(labelled).toMatchObject({ labels, sha256: plain.sha256 });
  expect(await readTask(path, { labels: [] })).toEqual(plain);
});

test("a name that is neither is told what is built in; a built-in task without a tokenizer, what to give", async () => {
  await expect(readTask("iou")).rejects.toThrow(
    "iou: there is no such file, and no built-in task of that name. Built in are ioi, greater-than, acronyms, induction, docstring, agreement, pronouns, capitals.",
  );
  await expect(readTask("./ioi")).rejects.toThrow("./ioi: there is no such file");
  await expect(readTask(folder)).rejects.toThrow("is a folder, not a task file");
  await expect(readTask("ioi")).rejects.toThrow('readTask("ioi", { tokenizer: model.tokenizer })');
});
