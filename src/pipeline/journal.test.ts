import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Decision } from "../discovery/search.ts";
import { journalPath, openJournal } from "./journal.ts";

let folder: string;
let out: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-journal-"));
  out = join(folder, "circuit");
});
afterEach(() => rm(folder, { recursive: true }));

const decisions: readonly Decision[] = [
  { layer: 1, component: "head.0", kl: 0.1 + 0.2, delta: 1 / 3, pruned: true },
  { layer: 1, component: "mlp", kl: 1e-17, delta: -1e-17, pruned: false },
  { layer: 0, component: "head.11", kl: 5, delta: 4.7, pruned: false },
];

async function write(key = "a key"): Promise<Buffer> {
  const journal = await openJournal(out, key, false);
  expect(journal.resumed).toEqual([]);
  for (const decision of decisions) await journal.append(decision);
  return readFile(journal.path);
}

test("it lies beside the folder to be", () => {
  expect(journalPath("/somewhere/circuit")).toBe("/somewhere/.circuit.journal.jsonl");
});

test("what was decided comes back, to the last bit", async () => {
  await write();
  const resumed = await openJournal(out, "a key", true);
  expect(resumed.resumed).toEqual(decisions);
});

test("torn at any byte, it gives what was whole before, and goes on from there", async () => {
  const bytes = await write();
  const text = bytes.toString("utf8");
  for (let end = 0; end <= bytes.length; end++) {
    await writeFile(journalPath(out), bytes.subarray(0, end));
    const { resumed, append } = await openJournal(out, "a key", true);
    // A line counts once its last brace is there, with its line break or without.
    const whole = text
      .slice(0, end)
      .split("\n")
      .filter((line) => line.endsWith("}")).length;
    expect(resumed).toEqual(decisions.slice(0, Math.max(0, whole - 1)));
    for (const decision of decisions.slice(resumed.length)) await append(decision);
    expect(await readFile(journalPath(out), "utf8")).toBe(text);
  }
});

test("what comes after a damaged line is not trusted", async () => {
  const lines = (await write()).toString("utf8").split("\n");
  lines[2] = "{}";
  await writeFile(journalPath(out), lines.join("\n"));
  expect((await openJournal(out, "a key", true)).resumed).toEqual(decisions.slice(0, 1));
});

test("another search's journal is refused, and stays as it is", async () => {
  const bytes = await write("one");
  await expect(openJournal(out, "another", true)).rejects.toMatchObject({
    name: "PithError",
    code: "options",
    place: { file: journalPath(out) },
  });
  expect(await readFile(journalPath(out))).toEqual(bytes);
});

test("without resume an old journal is overwritten; with it there need be none", async () => {
  await write("one");
  expect((await openJournal(out, "another", false)).resumed).toEqual([]);
  const journal = await openJournal(out, "another", true);
  expect(journal.resumed).toEqual([]);
  await journal.remove();
  await journal.remove();
  expect((await openJournal(out, "a third", true)).resumed).toEqual([]);
});

test("a disk that refuses is an error that names the file", async () => {
  await mkdir(journalPath(out));
  for (const resume of [true, false]) {
    await expect(openJournal(out, "a key", resume)).rejects.toMatchObject({
      name: "PithError",
      code: "output",
      place: { file: journalPath(out) },
    });
  }
});
