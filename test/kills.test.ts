/**
 * Commands that write a folder or a file, killed while they replace an old one: what is there is the old result or the
 * new one, whole, and the next start leaves nothing else. How they do it is tried at every step in
 * atomic-folder.test.ts, on small folders; here a few commands are killed at every rename. With PITH_KILLS=renames it
 * is all commands, at every rename; with PITH_KILLS=all all commands, killed at everything that they do on the disk,
 * up to a hundred times each, which takes an hour:
 *
 *   PITH_KILLS=all npx vitest run test/kills.test.ts
 */
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CliResult, runCli } from "./support/run-cli.ts";

const { PITH_KILLS: wanted } = process.env;
const all = wanted === "all";
const most = 100;

const few = ["--task", "few.jsonl", "--threads", "1"];
const commands: Readonly<Record<string, readonly string[]>> = {
  convert: ["convert", "base", "--dtype", "f16", ...few, "--out", "out", "--force"],
  share: ["share", "base", "--task", "few.jsonl", "--out", "out", "--force"],
  report: ["report", "base", "--prompts", "1", ...few, "--out", "out", "--force"],
  ...(wanted !== undefined && {
    extract: [
      "extract",
      ...few,
      "--alpha",
      "0.5",
      "--ablation",
      "zero",
      "--no-mlps",
      "--out",
      "out",
      "--force",
    ],
    compile: ["compile", "base", ...few, "--out", "out", "--force"],
    sweep: [
      ...["sweep", ...few, "--alphas", "0.5", "--ablation", "zero", "--mlps", "off", "--seeds", "1"],
      ...["--out", "out", "--force"],
    ],
    reproduce: [
      ...["reproduce", ...few, "--alphas", "0.5", "--ablation", "mean", "--mlps", "off", "--seeds", "1"],
      ...["--timing-budget", "1", "--out", "out", "--force"],
    ],
  }),
};

let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "pith-kills-")));
  const lines = (await readFile("models/nano/tasks/ioi.jsonl", "utf8")).trim().split("\n");
  const text = ["patching", "validation", "test"].flatMap((split) =>
    lines.filter((line) => line.includes(`"${split}"`)).slice(0, 6),
  );
  await writeFile(join(folder, "few.jsonl"), text.join("\n"));
  const base = ["extract", ...few, "--alpha", "0.5", "--no-mlps", "--out", "base"];
  expect(await runCli(base, folder)).toMatchObject({ code: 0 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** @param at the kill: before the so-many-th rename, or whatever changes something on the disk. */
function killed(args: readonly string[], place: string, at: number): Promise<CliResult> {
  const preload = resolve("test/support/kill-at.mjs");
  const kind = all ? "" : "rename ";
  return runCli(
    args,
    place,
    `NODE_OPTIONS="--import ${preload}" PITH_TEST_KILL="${at} ${kind}${place}" exec "$@"`,
  );
}

/** Every file below a path, or the file, with its contents. */
async function contents(path: string): Promise<ReadonlyMap<string, string>> {
  if ((await stat(path)).isFile()) return new Map([["", await readFile(path, "latin1")]]);
  const files = new Map<string, string>();
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath ?? entry.path, entry.name);
    files.set(file.slice(path.length), await readFile(file, "latin1"));
  }
  return files;
}

/** Times differ from run to run, and with them the digits of what says them. */
function isLike(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  if ([...one.keys()].sort().join() !== [...other.keys()].sort().join()) return false;
  return [...one].every(([name, text]) => {
    const length = other.get(name)?.length ?? 0;
    return Math.abs(text.length - length) <= 0.02 * length + 20;
  });
}

test.each(Object.entries(commands))(
  "%s",
  async (name, args) => {
    const place = join(folder, name);
    await mkdir(place);
    await cp(join(folder, "base"), join(place, "base"), { recursive: true });
    await cp(join(folder, "few.jsonl"), join(place, "few.jsonl"));
    const out = join(place, "out");
    expect(await runCli(args, place)).toMatchObject({ code: 0 });
    const whole = await contents(out);
    const isFile = whole.has("");
    const makeOld = async () => {
      if (isFile) await writeFile(out, `${whole.get("")}old`);
      else await writeFile(join(out, "old.txt"), "of the old one");
      return contents(out);
    };
    let old = await makeOld();
    let kills = 0;
    for (let at = 1; at <= most; at++) {
      const { signal, code, stderr } = await killed(args, place, at);
      if (signal === null) {
        expect([code, stderr]).toEqual([0, expect.any(String)]);
        break;
      }
      kills++;
      const names = await readdir(place);
      const aside = names.find((each) => each.startsWith(".out.replaced-"));
      const there = await contents(names.includes("out") ? out : join(place, aside ?? "out"));
      const isOld = JSON.stringify([...there].sort()) === JSON.stringify([...old].sort());
      expect([at, isOld || isLike(there, whole)]).toEqual([at, true]);
      if (!isOld) old = await makeOld();
    }
    if (kills === most) expect(await runCli(args, place)).toMatchObject({ code: 0 });
    // The last one was not killed: all that the others left is gone.
    expect(isLike(await contents(out), whole)).toBe(true);
    expect((await readdir(place)).sort()).toEqual(["base", "few.jsonl", "out"]);
    expect(kills).toBeGreaterThanOrEqual(all ? 5 : 1);
    if (wanted !== undefined) console.log(`${name}: killed ${kills} times`);
  },
  all ? 3_600_000 : 240_000,
);
