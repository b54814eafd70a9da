import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { type Journal, type JournalOptions, journalPath, openJournal } from "./journal.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-journal-"));
  path = journalPath(join(folder, "circuit"));
});
afterEach(() => rm(folder, { recursive: true }));

interface Decision {
  readonly component: string;
  readonly kl: number;
}
const decisions: readonly Decision[] = [
  { component: "head.0", kl: 0.1 + 0.2 },
  { component: "mlp", kl: -1e-17 },
  { component: "head.11", kl: 5 },
];
const schema = z.object({ component: z.string(), kl: z.number() });

const open = (
  key: string,
  start: JournalOptions<Decision>["start"],
  more: Partial<JournalOptions<Decision>> = {},
): Promise<Journal<Decision>> => openJournal(path, { key, start, schema, work: "search", ...more });

async function write(key = "a key"): Promise<Buffer> {
  const journal = await open(key, "anew");
  expect(journal.resumed).toEqual([]);
  // Handed in at once: written in order nevertheless, none into another.
  await Promise.all(decisions.map((decision) => journal.append(decision)));
  await journal.close();
  return readFile(journal.path);
}

test("it lies beside the folder to be", () => {
  expect(journalPath("/somewhere/circuit")).toBe("/somewhere/.circuit.journal.jsonl");
});

test("what was decided comes back, to the last bit", async () => {
  await write();
  const resumed = await open("a key", "resume");
  expect(resumed.resumed).toEqual(decisions);
});

test("torn at any byte, it gives what was whole before, and goes on from there", async () => {
  const bytes = await write();
  const text = bytes.toString("utf8");
  for (let end = 0; end <= bytes.length; end++) {
    await writeFile(path, bytes.subarray(0, end));
    const { resumed, append } = await open("a key", "resume");
    // A line counts once its line feed is there.
    const whole = text.slice(0, end).split("\n").length - 1;
    expect(resumed).toEqual(decisions.slice(0, Math.max(0, whole - 1)));
    for (const decision of decisions.slice(resumed.length)) await append(decision);
    expect(await readFile(path, "utf8")).toBe(text);
  }
});

test("changed in any one bit, it is refused and named, and what comes before is gone on with", async () => {
  const bytes = await write();
  await fc.assert(
    // The last line feed is no part of a line: without it the line is torn.
    fc.asyncProperty(fc.nat(bytes.length - 2), fc.nat(7), async (at, bit) => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << bit);
      await writeFile(path, changed);
      const line = bytes.subarray(0, at).filter((byte) => byte === 10).length + 1;
      if (line === 1) {
        await expect(open("a key", "resume")).rejects.toMatchObject({
          code: "options",
          place: { file: path },
        });
        expect(await readFile(path)).toEqual(changed);
        return;
      }
      // A line feed that came or went makes one line of two, or two of one.
      await expect(open("a key", "resume")).rejects.toMatchObject({
        ...{ name: "PithError", code: "options", place: { file: path } },
        message: expect.stringMatching(new RegExp(`is damaged in line ${line}: .*--resume`)),
      });
      expect(await readFile(`${path}.damaged`)).toEqual(changed);
      const journal = await open("a key", "resume");
      expect(journal.resumed).toEqual(decisions.slice(0, line - 2));
      await journal.remove();
      expect(await readdir(folder)).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

test("a line that is lost, doubled or moved is no entry where it stands", async () => {
  const [header, ...lines] = (await write()).toString("utf8").trimEnd().split("\n");
  const [one = "", two = "", three = ""] = lines;
  const cases: readonly (readonly [readonly string[], number])[] = [
    [[two, three], 0],
    [[one, three], 1],
    [[one, one, two], 1],
    [[two, one, three], 0],
  ];
  for (const [order, whole] of cases) {
    await writeFile(path, [header, ...order, ""].join("\n"));
    await expect(open("a key", "resume")).rejects.toThrow(`is damaged in line ${whole + 2}: its checksum`);
    expect((await open("a key", "resume")).resumed).toEqual(decisions.slice(0, whole));
  }
});

test("an entry that stands for no step is refused like a damaged one", async () => {
  await write();
  const firstFault = () => ({ index: 1, why: "it stands for a head" });
  await expect(open("a key", "resume", { firstFault })).rejects.toThrow(
    "is damaged in line 3: it stands for a head.",
  );
  expect((await open("a key", "resume")).resumed).toEqual(decisions.slice(0, 1));
});

test("a first line that says nothing is refused, and what follows it is kept as it is", async () => {
  for (const damage of ["{}", "", "notes of somebody", '{"journal":"pith.journal/2"}']) {
    const damaged = (await write()).toString("utf8").replace(/^.*/, damage);
    await writeFile(path, damaged);
    await expect(open("a key", "resume")).rejects.toThrow(
      "its first line does not say which search it is of",
    );
    expect(await readFile(path, "utf8")).toBe(damaged);
  }
});

test("another search's journal is refused, and stays as it is", async () => {
  const bytes = await write("one");
  await expect(open("another", "resume")).rejects.toMatchObject({
    name: "PithError",
    code: "options",
    place: { file: path },
  });
  expect(await readFile(path)).toEqual(bytes);
});

test("anew an old journal is overwritten; with resume there need be none", async () => {
  await write("one");
  expect((await open("another", "anew")).resumed).toEqual([]);
  const journal = await open("another", "resume");
  expect(journal.resumed).toEqual([]);
  await journal.remove();
  await journal.remove();
  expect((await open("a third", "resume")).resumed).toEqual([]);
});

test("an entry that could not be written is not counted in those that follow it", async () => {
  const journal = await open("a key", "anew");
  const [one, two, three] = decisions as [Decision, Decision, Decision];
  await journal.append(one);
  const before = await readFile(path);
  await rm(path);
  await mkdir(path);
  await expect(journal.append(two)).rejects.toMatchObject({ code: "output", place: { file: path } });
  await rm(path, { recursive: true });
  await writeFile(path, before);
  await journal.append(three);
  expect((await open("a key", "resume")).resumed).toEqual([one, three]);
});

test("a disk that refuses is an error that names the file", async () => {
  await mkdir(path);
  for (const start of ["resume", "anew"] as const) {
    await expect(open("a key", start)).rejects.toMatchObject({
      name: "PithError",
      code: "output",
      place: { file: path },
    });
  }
});
