import { expect, test } from "vitest";
import type { StabilityRecord } from "../export/stability-record.ts";
import { circuitOfLists } from "../transformer/circuit.ts";
import { stabilityReport } from "./terminal-stability.ts";
import { terminalStyle } from "./terminal-style.ts";

const stability: StabilityRecord = {
  runs: 20,
  seed: 0,
  jaccard: { components: 0.8333, heads: 0.75 },
  chance: { components: 0.2, heads: 0.25 },
  againstFull: { components: [1, 0.5, 0.75], heads: [1, 1, 1] },
  frequency: {
    heads: [
      [1, 0.55, 0],
      [0.05, 0, 0.995],
    ],
    mlps: [0, 1],
  },
  full: { kept: circuitOfLists({ heads: [[0, 0]], mlps: [1] }), kl: 0.1253 },
};
const circuit = circuitOfLists({
  heads: [
    [0, 0],
    [0, 1],
    [1, 2],
  ],
  mlps: [1],
});

test("a table of percentages, the circuit's marked, and the figures beside chance", () => {
  const lines = stabilityReport({ ...stability, chosen: 0.5 }, circuit, terminalStyle({ width: 80 }));
  expect(lines.slice(2, 6)).toEqual([
    "        head",
    " layer    0    1    2   MLP",
    "     1    5    ·  100●  100■",
    "     0  100●  55●   ·     ·",
  ]);
  const text = lines.join("\n");
  expect(text).toContain("components 0.83 (sets of these sizes drawn by chance: 0.20)");
  expect(text).toContain("heads alone 0.75 (sets of these sizes drawn by chance: 0.25)");
  expect(text).toContain("mean over 190 pairs of runs");
  expect(text).toContain("components 0.75 (0.50 to 1.00)");
  expect(text).toContain("kept in at least 50.0 % of the runs: 3 heads and 1 MLP");
  expect(text).toContain("all prompts gave 1 head and 1 MLP, KL 0.1253 nats (validation)");
});

test("without a frequency nothing is chosen; without MLPs on trial there is no column of them", () => {
  const heads = stabilityReport(
    { ...stability, frequency: { ...stability.frequency, mlps: [] } },
    circuit,
    terminalStyle({ width: 80, unicode: false }),
  );
  expect(heads.join("\n")).not.toContain("chosen");
  expect(heads.slice(2, 5)).toEqual(["        head", " layer    0    1    2", "     1    5    .  100O"]);
});

test("a wide model is folded, and no line of the table is wider than the terminal", () => {
  const many = Array.from({ length: 25 }, (_, head) => head / 25);
  const wide = { ...stability, frequency: { heads: [many, many], mlps: [0.5, 0.5] } };
  for (const width of [20, 40, 80]) {
    const lines = stabilityReport(wide, circuit, terminalStyle({ width }));
    const table = lines.filter((line) => /^ +(\d+ )? *(\d|·)/.test(line));
    expect(table.join(" ").match(/\d+[●■ ]|·/g)?.length).toBeGreaterThanOrEqual(2 * 25);
    for (const line of table) expect(line.length).toBeLessThanOrEqual(width);
  }
});

test("in colour the marks stay", () => {
  const lines = stabilityReport(stability, circuit, terminalStyle({ width: 80, colours: 3 }));
  expect(lines.join("\n")).toContain("\u001b[");
  expect(lines.join("\n")).toContain("100●");
});
