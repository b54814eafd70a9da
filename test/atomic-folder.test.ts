/**
 * The folder that appears whole or not at all, under SIGKILL: a program that fills one is killed at everything that it
 * does on the disk, over and over, and started again each time.
 */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";

let folder: string;
let place: string;
let program: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "pith-atomic-")));
  // Plain JavaScript, all in one file: starting it takes a tenth of the time.
  await build({
    configFile: false,
    logLevel: "error",
    ssr: { noExternal: true },
    build: { ssr: "test/support/fill-folder.ts", outDir: join(folder, "built"), target: "node20" },
  });
  program = join(folder, "built", "fill-folder.js");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function fill(letter: string, killAt = 0, full = ""): SpawnSyncReturns<string> {
  const preload = resolve("test/support/kill-at.mjs");
  return spawnSync(process.execPath, ["--import", preload, program, join(place, "out"), letter], {
    encoding: "utf8",
    env: { ...process.env, PITH_TEST_KILL: `${killAt} ${place}`, PITH_TEST_FULL: full },
  });
}

async function makeOld(letter: string): Promise<void> {
  await mkdir(join(place, "out", "below"), { recursive: true });
  for (const name of ["a", "b", "below/c"]) await writeFile(join(place, "out", name), letter);
}

/** Under the folder's name, or under the one that an old folder has between two renames: there is no third. */
async function lettersThere(): Promise<string | undefined> {
  const names = await readdir(place);
  const where = names.includes("out") ? "out" : names.find((name) => name.startsWith(".out.replaced-"));
  if (where === undefined) return undefined;
  const at = join(place, where);
  expect((await readdir(at, { recursive: true })).sort()).toEqual(["a", "b", "below", "below/c"]);
  const letters = await Promise.all(["a", "b", "below/c"].map((name) => readFile(join(at, name), "utf8")));
  expect(new Set(letters).size).toBe(1);
  return letters[0];
}

test.each([
  ["a new one", undefined],
  ["one that replaces another", "old"],
])(
  "%s: killed anywhere, the old or the new one is whole, and the next start leaves nothing else",
  async (_, old) => {
    let kills = 0;
    for (let killAt = 1; ; killAt++) {
      place = join(folder, `${old ?? "new"}-${killAt}`);
      await mkdir(place);
      await writeFile(join(place, ".out.partial-notes"), "not ours");
      if (old !== undefined) await makeOld(old);
      const killed = fill("new", killAt);
      if (killed.signal === null) {
        expect(killed).toMatchObject({ status: 0, stderr: "" });
        break;
      }
      kills++;
      expect([old, "new"]).toContain(await lettersThere());
      // Killed in the same place once more, by then with leftovers.
      expect(fill("new", killAt).signal).toBe("SIGKILL");
      expect([old, "new"]).toContain(await lettersThere());
      expect(fill("new")).toMatchObject({ status: 0, stderr: "" });
      expect(await lettersThere()).toBe("new");
      expect((await readdir(place)).sort()).toEqual([".out.partial-notes", "out"]);
    }
    expect(kills).toBeGreaterThanOrEqual(10);
  },
  240_000,
);

test.each([
  ["ENOSPC", /disk is (not )?full/],
  ["EDQUOT", /see that its disk is not full|what you may store on this disk is used up/],
])(
  "a disk that is full anywhere (%s) is said, leaves the old one whole, and nothing else",
  async (code, words) => {
    let times = 0;
    for (let at = 1; ; at++) {
      place = join(folder, `${code}-${at}`);
      await mkdir(place);
      await makeOld("old");
      const { status, stderr } = fill("new", 0, `${at} ${code} ${place}`);
      // What was found is there to be gone on with.
      expect((await readdir(place)).filter((name) => name !== ".out.journal.jsonl")).toEqual(["out"]);
      if (status === 0) break;
      times++;
      expect(stderr).toMatch(words);
      expect(await lettersThere()).toBe("old");
    }
    expect(await lettersThere()).toBe("new");
    expect(times).toBeGreaterThanOrEqual(8);
  },
  120_000,
);

test("between two renames a start that may replace nothing puts the old one back, and says that it is there", async () => {
  place = join(folder, "aside");
  await mkdir(join(place, ".out.replaced-1000000000"), { recursive: true });
  await writeFile(join(place, ".out.replaced-1000000000", "notes"), "somebody's");
  // It has no file by which a folder of the test's is known.
  const refused = fill("new");
  expect(refused.status).not.toBe(0);
  expect(refused.stderr).toContain("exists, and is no test's folder");
  expect(await readdir(place)).toEqual(["out"]);
  expect(await readdir(join(place, "out"))).toEqual(["notes"]);
});
