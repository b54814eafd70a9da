/**
 * `pith sweep` from one end to the other, with nano and a small task: its files, that a killed sweep ends where
 * it would have ended, that nothing depends on how the work was spread, and what it says of bad input.
 */
import { existsSync } from "node:fs";
import { readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseSweepRows, type SweepRow } from "../src/experiments/sweep-row.ts";
import { parseCircuitFile } from "../src/export/circuit-json.ts";
import { listsOf } from "../src/transformer/circuit.ts";
import { runCli, startCli, withFolder } from "./support/run-cli.ts";

const folder = withFolder();
const cwd = folder.path;
afterAll(folder.remove);

const journal = (out: string) => join(cwd, `.${out}.journal.jsonl`);
const small = ["sweep", "--task", "small.jsonl", "--alphas", "2e-3..2:3", "--threads", "1"];
const settings = [...small, "--ablation", "mean,zero", "--mlps", "on"];

async function filesOf(out: string): Promise<Readonly<Record<string, string>>> {
  const names = await readdir(join(cwd, out));
  const texts = await Promise.all(names.map((name) => readFile(join(cwd, out, name), "utf8")));
  return Object.fromEntries(names.map((name, index) => [name, texts[index] ?? ""]));
}

async function rowsOf(out: string): Promise<readonly SweepRow[]> {
  return parseSweepRows(await readFile(join(cwd, out, "sweep.jsonl"), "utf8"), "sweep.jsonl");
}

/** Lines in the journal, the first one not counted, or −1 without one. */
async function journaled(out: string): Promise<number> {
  if (!existsSync(journal(out))) return -1;
  return (await readFile(journal(out), "utf8")).split("\n").length - 2;
}

let whole: Readonly<Record<string, string>>;

beforeAll(async () => {
  const lines = (await readFile("test/golden/nano-ioi.jsonl", "utf8")).trim().split("\n");
  const examples = lines.map((line): { split: string } => JSON.parse(line));
  const some = (split: string, from: number, to: number) =>
    examples.filter((example) => example.split === split).slice(from, to);
  const chosen = [
    ...some("patching", 0, 8),
    ...some("validation", 0, 8),
    ...some("validation", 8, 12).map((example) => ({ ...example, split: "test" })),
  ];
  const write = (name: string, all: readonly object[]) =>
    writeFile(join(cwd, name), all.map((example) => `${JSON.stringify(example)}\n`).join(""));
  await write("small.jsonl", chosen);
  const years = (await readFile("test/golden/nano-greater-than.jsonl", "utf8")).trim().split("\n");
  const byYear = years.map((line): { split: string } => JSON.parse(line));
  await write("years.jsonl", [
    ...byYear.filter(({ split }) => split === "patching").slice(0, 6),
    ...byYear.filter(({ split }) => split === "validation").slice(0, 6),
    ...byYear
      .filter(({ split }) => split === "validation")
      .slice(6, 10)
      .map((example) => ({ ...example, split: "test" })),
  ]);
  await write(
    "bare.jsonl",
    some("validation", 0, 18).map(({ split: _, ...example }) => example),
  );
  const { code, stderr } = await runCli([...settings, "--out", "whole"], cwd);
  expect(stderr).not.toContain("error");
  expect(code).toBe(0);
  whole = await filesOf("whole");
});

test("its rows are those of an extraction at each threshold", async () => {
  const rows = await rowsOf("whole");
  expect(rows.map(({ ablation }) => ablation)).toEqual(["mean", "mean", "mean", "zero", "zero", "zero"]);
  expect(Object.keys(whole).sort()).toEqual(["sweep.csv", "sweep.json", "sweep.jsonl"]);
  expect(whole["sweep.csv"]?.split("\n")).toHaveLength(rows.length + 2);

  const row = rows[1];
  const options = ["--task", "small.jsonl", "--alpha", String(row?.alpha), "--threads", "1"];
  const { code } = await runCli(["extract", ...options, "--out", "alone"], cwd);
  expect(code).toBe(0);
  const { kept, metrics } = parseCircuitFile(
    JSON.parse(await readFile(join(cwd, "alone/circuit.json"), "utf8")),
  );
  const { heads, mlps } = listsOf(kept);
  expect(row).toMatchObject({
    heads,
    mlpsKept: mlps,
    accuracy: metrics.accuracy,
    parameters: metrics.parameters,
  });
  expect(row?.kl.validation).toBeCloseTo(metrics.kl.validation ?? Number.NaN, 6);
  expect(row?.kl.test).toBeCloseTo(metrics.kl.test ?? Number.NaN, 6);
});

test("of a task of years it says the probability mass that extract says; of others nothing", async () => {
  const options = ["--task", "years.jsonl", "--threads", "1"];
  const swept = ["sweep", ...options, "--alphas", "0.05", "--ablation", "mean", "--mlps", "on"];
  expect((await runCli([...swept, "--out", "mass"], cwd)).code).toBe(0);
  const [row] = await rowsOf("mass");
  const extracted = await runCli(["extract", ...options, "--alpha", "0.05", "--out", "years", "--json"], cwd);
  const { yearMass } = JSON.parse(extracted.stdout).circuit.metrics;
  expect(row?.yearMass?.original).toBeCloseTo(yearMass.test.original, 5);
  expect(row?.yearMass?.circuit).toBeCloseTo(yearMass.test.circuit, 5);
  const [header, line] = (await readFile(join(cwd, "mass/sweep.csv"), "utf8")).trim().split("\n");
  const at = header?.split(",").indexOf("year_mass") ?? -1;
  expect(line?.split(",")[at]).toBe(String(row?.yearMass?.circuit));
  expect((await rowsOf("whole")).every((each) => each.yearMass === undefined)).toBe(true);
});

test("killed at any evaluation, its journal torn anywhere, it ends with the same bytes", async () => {
  const total = JSON.parse(whole["sweep.json"] ?? "").units.reduce(
    (sum: number, unit: { evaluations: number }) => sum + unit.evaluations,
    0,
  );
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: total + 6 }),
      fc.nat(1e6),
      fc.boolean(),
      async (stopAt, cut, spread) => {
        const out = `killed-${stopAt}-${cut}`;
        const { child, result } = startCli([...settings, "--out", out], cwd);
        while (child.exitCode === null && !existsSync(join(cwd, out)) && (await journaled(out)) < stopAt)
          await sleep(2);
        child.kill("SIGKILL");
        await result;
        // It may have been quicker than we were.
        if (existsSync(join(cwd, out))) return;
        const text = await readFile(journal(out), "utf8");
        const last = text.trimEnd().lastIndexOf("\n") + 1;
        await truncate(journal(out), last + (cut % (text.length - last + 1)));
        taken++;

        // Two at a time is another order of lines, and other threads.
        const more = spread ? ["--jobs", "2", "--threads", "2"] : [];
        const { code } = await runCli([...settings, ...more, "--out", out, "--resume"], cwd);
        expect(code).toBe(0);
        expect(await filesOf(out)).toEqual(whole);
        expect(existsSync(journal(out))).toBe(false);
      },
    ),
    { numRuns: 2 },
  );
  expect(taken).toBeGreaterThan(0);
});

test("however the work is spread, the bytes are the same", async () => {
  const spread = ["--jobs", "1", "--threads", "2"];
  const { code, stdout } = await runCli([...settings, ...spread, "--json", "--out", "spread"], cwd);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).share).toEqual({ jobs: 1, threads: 2 });
  expect(await filesOf("spread")).toEqual(whole);
});

test("interrupted, it tells how to go on; with other options it does not", async () => {
  const { child, result } = startCli([...settings, "--out", "stopped"], cwd);
  while (child.exitCode === null && (await journaled("stopped")) < 20) await sleep(2);
  child.kill("SIGINT");
  const { code, stderr } = await result;
  expect(code).toBe(130);
  expect(stderr).toContain("--resume");
  expect(existsSync(join(cwd, "stopped"))).toBe(false);
  const before = await readFile(journal("stopped"), "utf8");
  for (const [options, message] of [
    [["--resume", "--order", "downstream"], "another model, tasks or options"],
    [["--resume", "--alphas", "0.1"], "another model, tasks or options"],
    [[], "an interrupted sweep lies there"],
  ] as const) {
    const refused = await runCli([...settings, ...options, "--out", "stopped"], cwd);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(message);
    expect(await readFile(journal("stopped"), "utf8")).toBe(before);
  }
});

test("while one writes, no second one does, whatever it is allowed", async () => {
  const { child, result } = startCli([...settings, "--out", "held"], cwd);
  while (child.exitCode === null && (await journaled("held")) < 1) await sleep(2);
  for (const more of [["--resume"], ["--force"]]) {
    const second = await runCli([...settings, ...more, "--out", "held"], cwd);
    expect(second.code).toBe(2);
    expect(second.stderr).toContain(`another pith (pid ${child.pid}) is writing here`);
  }
  expect((await result).code).toBe(0);
  expect(await filesOf("held")).toEqual(whole);
  expect(existsSync(join(cwd, ".held.lock"))).toBe(false);
});

test("seeds divide a file anew, unless it says itself who serves what; a known circuit is counted", async () => {
  await writeFile(join(cwd, "mine.json"), '{"heads": [[0, 5], [5, 5]]}');
  const options = ["--ablation", "mean", "--mlps", "off", "--seeds", "2", "--alphas", "0.05,0.5"];
  const both = await runCli(
    ["sweep", "-t", "bare.jsonl", "-t", "small.jsonl", ...options, "--out", "seeds"],
    cwd,
  );
  expect(both.code).toBe(0);
  expect(both.stdout).toContain("small.jsonl has its own splits");
  const rows = await rowsOf("seeds");
  expect(rows.map(({ task, seed }) => `${task} ${seed}`)).toEqual(
    ["bare 0", "bare 1", "small 0"].flatMap((each) => [each, each]),
  );
  expect(rows.every(({ mlpsKept, known }) => mlpsKept.length === 6 && known === undefined)).toBe(true);

  const one = await runCli(
    ["sweep", "-t", "bare.jsonl", ...options, "--known", "mine.json", "--out", "known"],
    cwd,
  );
  expect(one.code).toBe(0);
  expect(one.stdout).toMatch(/known circuit mine: AUC \d\.\d{3}, \d\.\d{3} without/);
  for (const { heads, known } of await rowsOf("known")) {
    const found = heads.filter(([layer, head]) => head === 5 && (layer === 0 || layer === 5)).length;
    expect(known).toEqual({ id: "mine", tpr: found / 2, fpr: (heads.length - found) / 34 });
  }
});

test.each([
  [["--alphas", "1..0:3"], "--alphas"],
  [["--seeds", "x"], "--seeds"],
  [["--ablation", "median"], "--ablation"],
  [["--jobs", "0"], "--jobs"],
  [["--task", "small.jsonl"], 'two tasks are called "small"'],
  [["--task", "nowhere.jsonl"], "no such file"],
  [["--known", "ioi"], "is of GPT-2 small, 12 layers of 12 heads"],
  [["--known", "nowhere.json"], "no known circuit of that name"],
  [["--out", "whole"], "exists already"],
  [["--out", ".", "--force"], "it has no sweep.json"],
])(
  "%j: an error, and nothing is written",
  async (options, message) => {
    const { code, stdout, stderr } = await runCli([...small, "--out", "bad", ...options], cwd);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("    at ");
    expect(existsSync(join(cwd, "bad")) || existsSync(journal("bad"))).toBe(false);
    expect(await filesOf("whole")).toEqual(whole);
  },
  20_000,
);
