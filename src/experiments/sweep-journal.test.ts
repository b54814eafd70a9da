import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { type JournalLine, openSweepJournal } from "./sweep-journal.ts";
import type { SweepRow } from "./sweep-row.ts";

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-sweep-journal-"));
  path = join(folder, ".out.journal.jsonl");
});
afterAll(() => rm(folder, { recursive: true }));

const counts = { body: 4, embedding: 3, bias: 2, total: 9 };
const row = (alpha: number): SweepRow => ({
  ...{ task: "ioi", seed: 0, ablation: "mean", mlps: true, alpha },
  ...{ heads: [[0, 1]], mlpsKept: [0] },
  accuracy: { validation: { original: 1, circuit: 0.5 } },
  kl: { validation: 0.1 + 0.2 },
  parameters: { original: counts, circuit: counts },
});
const lines: readonly JournalLine[] = [
  { unit: 0, entry: { path: "", layer: 1, component: "head.0", kl: 0.1 + 0.2 } },
  { unit: 1, entry: { path: "", layer: 1, component: "head.0", kl: 1e-21 } },
  { unit: 0, entry: { path: "p", layer: 1, component: "mlp", kl: 12 } },
  { unit: 0, row: row(0.01) },
  { unit: 0, row: row(1 / 3) },
  { unit: 0, counts: { evaluations: 2, separately: 4 } },
];

async function write(): Promise<string> {
  const journal = await openSweepJournal(path, "key", "anew");
  // Handed in at once: written in order nevertheless, none into another.
  await Promise.all(lines.map((line) => journal.append(line)));
  await journal.close();
  return readFile(path, "utf8");
}

test("all that was handed in is taken over, to the bit", async () => {
  await write();
  const { resumed, close } = await openSweepJournal(path, "key", "resume");
  await close();
  expect(resumed).toEqual(
    new Map([
      [
        0,
        {
          entries: [
            { path: "", layer: 1, component: "head.0", kl: 0.1 + 0.2 },
            { path: "p", layer: 1, component: "mlp", kl: 12 },
          ],
          rows: [row(0.01), row(1 / 3)],
          counts: { evaluations: 2, separately: 4 },
        },
      ],
      [1, { entries: [{ path: "", layer: 1, component: "head.0", kl: 1e-21 }], rows: [] }],
    ]),
  );
});

test("cut anywhere, the whole lines are taken over, and what follows them is written anew", async () => {
  const whole = await write();
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length), async (cut) => {
      await writeFile(path, whole.slice(0, cut));
      const kept = Math.max(0, whole.slice(0, cut).split("\n").length - 2);
      const journal = await openSweepJournal(path, "key", "resume");
      const records = [...journal.resumed.values()];
      const found = records.map(
        ({ entries, rows, counts: done }) => entries.length + rows.length + (done ? 1 : 0),
      );
      expect(found.reduce((sum, count) => sum + count, 0)).toBe(kept);
      for (const line of lines.slice(kept)) await journal.append(line);
      await journal.close();
      expect(await readFile(path, "utf8")).toBe(whole);
    }),
    { numRuns: 60 },
  );
  expect(await readdir(folder)).toEqual([".out.journal.jsonl"]);
});

describe("a journal that is there", () => {
  test("is another's when its key is", async () => {
    const before = await write();
    await expect(openSweepJournal(path, "other", "resume")).rejects.toThrow(PithError);
    expect(await readFile(path, "utf8")).toBe(before);
  });

  test("is not overwritten unasked", async () => {
    const before = await write();
    await expect(openSweepJournal(path, "key", "new")).rejects.toThrow("an interrupted sweep lies there");
    await expect(openSweepJournal(path, "other", "new")).rejects.toThrow(PithError);
    expect(await readFile(path, "utf8")).toBe(before);
  });

  test.each<[string, (text: string) => string]>([
    ["its first line", (text) => text.replace(/^.*/, "{}")],
    ["its second line", (text) => text.replace(/\n.*/, "\n{}")],
    ["its start", () => "notes of somebody"],
  ])("is not overwritten unasked with %s damaged", async (_, damage) => {
    const damaged = damage(await write());
    await writeFile(path, damaged);
    await expect(openSweepJournal(path, "key", "new")).rejects.toMatchObject({
      ...{ name: "PithError", code: "options", place: { file: path } },
      advice: expect.stringContaining("--force"),
    });
    expect(await readFile(path, "utf8")).toBe(damaged);
  });

  test("is not gone on with when its first line is damaged", async () => {
    const damaged = (await write()).replace(/^.*/, "{}");
    await writeFile(path, damaged);
    await expect(openSweepJournal(path, "key", "resume")).rejects.toThrow("its first line");
    expect(await readFile(path, "utf8")).toBe(damaged);
    await (await openSweepJournal(path, "key", "anew")).close();
  });

  test("goes when it is asked to", async () => {
    await write();
    await (await openSweepJournal(path, "other", "anew")).remove();
    expect(await readdir(folder)).toEqual([]);
  });
});
