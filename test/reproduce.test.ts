/** `pith reproduce` from end to end on the embedded model, as a user runs it: one task, one run, two thresholds. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseSweepRows } from "../src/experiments/sweep-row.ts";
import { parseCircuitFile } from "../src/export/circuit-json.ts";
import { listsOf } from "../src/transformer/circuit.ts";
import { readRates } from "./support/known-rates.ts";
import { runCli, withFolder } from "./support/run-cli.ts";

const folder = withFolder();
afterAll(() => folder.remove());

const quick = ["--seeds", "1", "--alphas", "0.02,0.5", "--ablation", "mean", "--timing-budget", "20"];

describe("IOI on nano, heads and MLPs", () => {
  const known = {
    heads: [
      [5, 0],
      [4, 3],
    ],
  };
  const read = (name: string) => readFileSync(join(folder.path, "out", name), "utf8");
  let result: Awaited<ReturnType<typeof runCli>>;
  beforeAll(async () => {
    writeFileSync(join(folder.path, "known.json"), JSON.stringify(known));
    result = await runCli(
      [
        ...[
          "reproduce",
          "--task",
          "ioi",
          "--mlps",
          "on",
          "--table-alpha",
          "ioi=0.05",
          "--known",
          "ioi=known.json",
        ],
        ...[...quick, "--students", "2", "--out", "out", "--json"],
      ],
      folder.path,
    );
  });

  test("one folder with tables, figures, page and sweep; nothing beside it", () => {
    expect(result).toMatchObject({ code: 0, signal: null });
    expect(readdirSync(folder.path).sort()).toEqual(["known.json", "out"]);
    expect(readdirSync(join(folder.path, "out")).sort()).toEqual([
      ...["figure-4-size-ioi.csv", "figure-4-size-ioi.svg", "figure-5-accuracy-ioi.csv"],
      ...["figure-5-accuracy-ioi.svg", "figure-5-test-accuracy-ioi.csv", "figure-5-test-accuracy-ioi.svg"],
      ...["figure-8-roc-mean.csv", "figure-8-roc-mean.svg", "report.html", "reproduction.json"],
      ...["students.csv", "sweep.csv", "sweep.json", "sweep.jsonl", "table-1.csv", "table-2.csv"],
      ...["table-3.csv", "table-beyond.csv"],
      "timings.csv",
    ]);
  });

  test("a student stands beside each circuit of the tables, and is no larger", () => {
    const table: readonly Record<string, string>[] = parse(read("table-2.csv"), { columns: true });
    expect(table.map(({ source, alpha }) => [source, alpha])).toEqual([
      ["pith", "0.0188"],
      ["pith", "0.05"],
    ]);
    for (const line of table) {
      expect(Number(line["body"])).toBe(442_368 * Number(line["layers"]));
      expect(Number(line["body"])).toBeLessThanOrEqual(Number(line["circuit_body"]));
      expect(Number(line["circuit_body"])).toBeLessThan(Number(line["body"]) + 442_368);
    }
    const curves: readonly Record<string, string>[] = parse(read("students.csv"), { columns: true });
    expect(curves.map(({ alpha, epoch }) => [alpha, epoch])).toEqual([
      ["0.0188", "2"],
      ["0.05", "2"],
    ]);
    expect(read("report.html")).toContain("Table 2. Students of the circuits’ size");
  });

  test("the tables have the paper's threshold and the user's, each of them as the sweep found it", () => {
    const rows = parseSweepRows(read("sweep.jsonl"), "sweep.jsonl");
    expect(rows.map(({ alpha }) => alpha)).toEqual([0.0188, 0.02, 0.05, 0.5]);
    const table: readonly Record<string, string>[] = parse(read("table-1.csv"), { columns: true });
    expect(table.map(({ source, alpha }) => [source, alpha])).toEqual([
      ["pith", "0.0188"],
      ["pith", "0.05"],
    ]);
    for (const line of table) {
      const row = rows.find(({ alpha }) => String(alpha) === line["alpha"]);
      expect(Number(line["accuracy_mean"])).toBe(row?.accuracy.validation.circuit);
      expect(line["accuracy_std"]).toBe("");
      const rates = readRates(row?.heads ?? [], known.heads, 36);
      expect(line).toMatchObject({
        known: "known",
        tpr_mean: String(rates.tpr),
        fpr_mean: String(rates.fpr),
      });
    }
    const timings: readonly Record<string, string>[] = parse(read("timings.csv"), { columns: true });
    expect(timings.map(({ alpha }) => alpha)).toEqual(["0.0188", "0.05"]);
    for (const timing of timings) {
      const [min, median, max] = ["min", "median", "max"].map((name) =>
        Number(timing[`circuit_milliseconds_${name}`]),
      );
      expect(min).toBeGreaterThan(0);
      expect(median).toBeGreaterThanOrEqual(min ?? Number.NaN);
      expect(max).toBeGreaterThanOrEqual(median ?? Number.NaN);
      // A validation set has 150 prompts.
      expect(Number(timing["circuit_batch_milliseconds"])).toBeGreaterThan(min ?? Number.NaN);
    }
  });

  test("bytes are those of the file that extract writes", async () => {
    const extracted = await runCli(
      ["extract", "--task", "ioi", "--alpha", "0.05", "--out", "circuit", "--json"],
      folder.path,
    );
    expect(extracted.code).toBe(0);
    const circuit = parseCircuitFile(JSON.parse(extracted.stdout).circuit);
    const { heads, mlps } = listsOf(circuit.kept);
    const timings: readonly Record<string, string>[] = parse(read("timings.csv"), { columns: true });
    expect(timings.find(({ alpha }) => alpha === "0.05")?.["circuit_bytes"]).toBe(
      String(circuit.metrics.bytes.circuit),
    );
    const rows = parseSweepRows(read("sweep.jsonl"), "sweep.jsonl");
    expect(rows.find(({ alpha }) => alpha === 0.05)).toMatchObject({
      heads,
      mlpsKept: mlps,
      parameters: circuit.metrics.parameters,
    });
  });

  test("figures show the grid alone; the JSON says how it was measured", () => {
    const curve: readonly Record<string, string>[] = parse(read("figure-4-size-ioi.csv"), { columns: true });
    expect(curve.map(({ source, mlps, alpha }) => [source, mlps, alpha])).toEqual([
      ["pith", "on", "0.02"],
      ["pith", "on", "0.5"],
    ]);
    const json = JSON.parse(result.stdout);
    expect(json).toMatchObject({
      format: "pith.reproduction/1",
      published: [],
      areas: [{ task: "ioi", ablation: "mean", source: "pith", known: "known" }],
      facts: { seeds: [0], alphas: [0.02, 0.5], separately: 4 * 42 },
    });
    expect(json.facts.evaluations).toBeLessThan(json.facts.separately);
    expect(read("report.html")).toContain("The paper’s experiments on nano");
  });
});

describe("what can't be run is refused before anything is computed", () => {
  test.each([
    [["--table-alpha", "0.02"], '"--table-alpha": expected TASK=VALUE, found "0.02".'],
    [
      ["--table-alpha", "acronyms=0.1"],
      '"--table-alpha": there is no task "acronyms" in this run. It runs ioi.',
    ],
    [["--table-alpha", "ioi=much"], '"--table-alpha": expected a positive finite number'],
    [["--known", "ioi=nowhere"], "there is no such file, and no known circuit of that name"],
    [["--known", "ioi=ioi/26"], '"--known": the known circuit ioi/26 is of GPT-2 small'],
    [["--ablation", "some"], '"--ablation": expected mean or zero'],
    [["--timing-budget", "soon"], '"--timing-budget": expected milliseconds'],
    [["--out", "."], "exists already"],
  ])("%j", async (words, message) => {
    const { code, stdout, stderr } = await runCli(["reproduce", "--task", "ioi", ...words], folder.path);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(existsSync(join(folder.path, "pith-out"))).toBe(false);
  });
});
