/** `pith bench`: who takes part, and whether the figures hang together. How fast anything is, is no test's business. */
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bench } from "../src/jobs/bench/bench.ts";
import type { BenchResult } from "../src/jobs/bench/bench-result.ts";
import { loadModel } from "../src/jobs/load-model.ts";
import { benchReport, caseTitle } from "../src/report/terminal-bench.ts";
import { terminalStyle } from "../src/report/terminal-style.ts";
import { circuitOfLists } from "../src/transformer/circuit.ts";
import { goldenReplacements, loadNano, shipCircuit } from "./support/export-circuit.ts";
import { runCli, startCli, withFolder } from "./support/run-cli.ts";

const place = withFolder();
afterAll(place.remove);
const circuit = circuitOfLists({
  heads: [
    [0, 1],
    [2, 3],
    [5, 0],
  ] as const,
  mlps: [0, 3],
});

async function ship(name: string, means: "aligned" | "pooled"): Promise<string> {
  const model = await loadNano();
  const replacements = await goldenReplacements(model, "ioi", { ablation: "mean", means, bos: false });
  const profile =
    means === "aligned" ? ({ kind: "aligned", length: 15 } as const) : ({ kind: "decoder" } as const);
  const { directory } = await shipCircuit(model, circuit, replacements, profile, join(place.path, name));
  return directory;
}

/** What must hold of any result, whatever the machine. */
function expectConsistent({ cases, competitors, ceilings, machine }: BenchResult): void {
  expect(machine.threads).toBe(2);
  expect(ceilings.compute).toBeGreaterThan(1e8);
  expect(ceilings.bandwidth.length).toBeGreaterThan(0);
  const [original] = competitors;
  for (const { cells, loading, fileBytes, kind, name } of competitors) {
    expect(cells).toHaveLength(cases.length);
    expect(fileBytes).toBeGreaterThan(1e5);
    if (name.includes("transformers.js")) expect(loading).toBeUndefined();
    else {
      expect(loading?.peakBytes).toBeGreaterThan(loading?.baselineBytes ?? Number.POSITIVE_INFINITY);
      expect(loading?.firstAnswer.median).toBeGreaterThan(loading?.load.median ?? Number.POSITIVE_INFINITY);
    }
    for (const [index, cell] of cells.entries()) {
      const { min, median, max, runs } = cell?.timing ?? { min: 0, median: 0, max: 0, runs: 0 };
      expect(runs).toBe(3);
      expect(min).toBeGreaterThan(0);
      expect(min <= median && median <= max).toBe(true);
      const whole = original?.cells[index];
      expect(cell?.speedUp).toBeCloseTo((whole?.timing.median ?? 0) / median, 10);
      if (kind === "circuit") {
        expect(cell?.flops).toBeLessThan(whole?.flops ?? 0);
        expect(cell?.ofCompute).toBeCloseTo((cell?.flops ?? 0) / (median / 1000) / ceilings.compute, 10);
        expect(cell?.allowed).toBeGreaterThan(0.5);
      }
    }
  }
  expect(original?.cells.every((cell) => cell?.speedUp === 1 && cell.allowed === 1)).toBe(true);
}

/** Of one process: others may be at work here. */
const leftovers = (child: number | undefined) =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`pith-bench-${child}-`));

describe("the command, aligned", () => {
  let result: BenchResult;
  let svg: string;
  beforeAll(async () => {
    await ship("aligned", "aligned");
    const { code, stdout, stderr } = await runCli(
      [
        ...["bench", "aligned", "--model", "nano", "--runs", "3", "--threads", "2", "--json"],
        ...["--against", "int8,transformers.js", "--chart", "chart.svg"],
      ],
      place.path,
    );
    expect([code, stderr]).toEqual([0, expect.anything()]);
    result = JSON.parse(stdout);
    svg = await readFile(join(place.path, "chart.svg"), "utf8");
  });

  test("one prompt and a batch; everybody", () => {
    expect(result.cases).toEqual([
      { kind: "prompt", prompts: 1, tokens: 15 },
      { kind: "batch", prompts: 150, tokens: 15 },
    ]);
    expect(result.competitors.map(({ name }) => name)).toEqual([
      "original",
      "circuit",
      "original, int8 in blocks",
      "original, int8 dynamic",
      "original, transformers.js",
    ]);
    expectConsistent(result);
  });

  test("the chart tells it again", () => {
    expect(svg).toMatch(/^<svg [^>]*xmlns=/);
    for (const { name } of result.competitors) expect(svg).toContain(name);
    for (const each of result.cases) expect(svg).toContain(caseTitle(each));
  });

  test("so does the table, in any width", () => {
    const wide = benchReport(result, terminalStyle({ width: 120 }));
    for (const { name } of result.competitors) expect(wide).toContain(name);
    expect(wide).toMatch(/random tokens/);
    expect(wide).toMatch(/150 prompts of 15 tokens at once/);
    expect(wide).toMatch(/GFLOP\/s in matrix products/);
    const narrow = benchReport(result, terminalStyle({ width: 50 }));
    for (const line of narrow.split("\n")) expect(line.length).toBeLessThanOrEqual(50);
  });
});

test("a decoder: first and next tokens after contexts that fit", async () => {
  const directory = await ship("decoder", "pooled");
  const original = await loadModel();
  const result = await bench([directory], {
    ...{ original, threads: 2, runs: 3, loads: 1, contexts: [16, 60] },
    against: ["transformers.js"],
  });
  await original.close();
  // 60 tokens leave no room for new ones in nano's 64.
  expect(result.cases.map(({ kind, tokens }) => `${kind} ${tokens}`)).toEqual([
    "prompt 16",
    "batch 16",
    "first token 16",
    "next token 16",
  ]);
  expectConsistent(result);
  const first = result.competitors.map(({ cells }) => cells[2]?.flops);
  const next = result.competitors.map(({ cells }) => cells[3]?.flops);
  // One token instead of sixteen; its attention looks at as many keys as the last one's did, and one more.
  expect((next[0] ?? 0) / (first[0] ?? 1)).toBeCloseTo(1 / 16, 2);
  expect(benchReport(result, terminalStyle({ width: 120 }))).toMatch(/tokens\/s/);
});

describe("refused", () => {
  test.each([
    [["bench", "nowhere"], /nowhere: does not exist/],
    [
      ["bench", "aligned", "--against", "float8"],
      /"--against": there is no "float8". There are int8 and transformers.js/,
    ],
    [["bench", "aligned", "--runs", "2"], /"--runs": expected a whole number from 3/],
    [["bench", "aligned"], /nano, which this circuit was cut from, is not at hand. Say where it is/],
    [["bench", "aligned", "decoder", "--model", "nano"], /takes other prompts than aligned/],
    [["bench", "aligned", "--model", "nano", "--task", "acronyms"], /no prompt has 15 tokens/],
    [["bench", "aligned", "--chart", "chart.svg"], /chart.svg: exists already/],
  ])("pith %s", async (args, message) => {
    const { child, result } = startCli(args, place.path);
    const { code, stderr } = await result;
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(leftovers(child.pid)).toEqual([]);
  });
});

test("Ctrl-C leaves nothing behind", async () => {
  const { child, result } = startCli(["bench", "aligned", "--model", "nano", "--runs", "100000"], place.path);
  while (leftovers(child.pid).length === 0 && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill("SIGINT");
  const { code, stderr } = await result;
  expect(stderr).toMatch(/interrupted/);
  expect(code).toBe(130);
  expect(leftovers(child.pid)).toEqual([]);
});
