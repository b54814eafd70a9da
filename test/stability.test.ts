/** `pith extract --bootstrap` on nano, as a user meets it: told, written, interrupted, resumed, and refused. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseCircuitFile } from "../src/export/circuit-json.ts";
import type { CircuitFile } from "../src/index.ts";
import { frequentCircuit } from "../src/measure/stability.ts";
import { countComponents, countKept } from "../src/transformer/circuit.ts";
import { type CliResult, runCli, startCli, withFolder } from "./support/run-cli.ts";

const folder = withFolder();
afterAll(folder.remove);
const readCircuit = (name: string): CircuitFile =>
  parseCircuitFile(JSON.parse(readFileSync(join(folder.path, name, "circuit.json"), "utf8")));

let whole: CliResult;
beforeAll(async () => {
  whole = await runCli(["extract", "--out", "whole", "--bootstrap", "3", "--seed", "5"], folder.path);
});

test("the circuit stays the full data's, and its stability is told", () => {
  expect(whole).toMatchObject({ code: 0 });
  const { kept, search, stability } = readCircuit("whole");
  const { head, mlp } = countKept(kept);
  const { trace } = search;
  // The golden search's circuit.
  expect([head, mlp, trace.length]).toEqual([11, 4, 42]);
  expect(stability).toMatchObject({ runs: 3, seed: 5, full: { kept } });
  expect(stability?.chosen).toBeUndefined();
  expect(stability?.full.kl).toBe(trace.findLast(({ pruned }) => pruned)?.kl);

  const shares = [...(stability?.frequency.heads.flat() ?? []), ...(stability?.frequency.mlps ?? [])];
  expect(shares).toHaveLength(42);
  for (const share of shares) expect([0, 1 / 3, 2 / 3, 1]).toContain(share);
  // Of three searches on three samples some agree in most of what they keep, and none could know it beforehand.
  const { jaccard, chance } = stability ?? {};
  expect(jaccard?.components).toBeGreaterThan(2 * (chance?.components ?? 1));

  expect(whole.stdout).toContain("3 searches on resampled prompts");
  expect(whole.stdout).toContain(`components ${jaccard?.components.toFixed(2)} `);
  expect(whole.stdout).toMatch(/for 4 searches, 3 of them on resampled prompts/);
  expect(readdirSync(folder.path)).toEqual(["whole"]);
});

test("interrupted and resumed it is the same, whatever runs were to come; a frequency ships what was kept so often", async () => {
  const { child, result } = startCli(
    ["extract", "--out", "resumed", "--bootstrap", "40", "--seed", "5"],
    folder.path,
  );
  const journal = join(folder.path, ".resumed.bootstrap.jsonl");
  // The first line is the journal's own.
  const lines = () => (existsSync(journal) ? readFileSync(journal, "utf8").split("\n").length : 0);
  while (lines() < 3 && child.exitCode === null) await sleep(5);
  child.kill("SIGINT");
  expect(await result).toMatchObject({ code: 130 });
  expect(existsSync(join(folder.path, "resumed"))).toBe(false);

  const again = ["extract", "--out", "resumed", "--seed", "5", "--resume", "--json"];
  const resumed = await runCli([...again, "--bootstrap", "3", "--frequency", "1"], folder.path);
  expect(resumed).toMatchObject({ code: 0 });
  const { kept, search, stability, metrics } = readCircuit("resumed");
  expect(stability).toEqual({ ...readCircuit("whole").stability, chosen: 1 });
  expect(parseCircuitFile(JSON.parse(resumed.stdout).circuit)).toMatchObject({ stability });
  if (stability === undefined) throw new Error("no stability");
  expect(kept).toEqual(frequentCircuit(stability.frequency, 1));
  expect(countComponents(kept)).toBeLessThan(15);
  // No search found it; it is what ships all the same.
  expect(search.trace).toEqual([]);
  expect(metrics.verified).toBeLessThan(1e-4);
  expect(readdirSync(folder.path).sort()).toEqual(["resumed", "whole"]);

  const inspected = await runCli(["inspect", "resumed"], folder.path);
  expect(inspected.stdout).toContain("kept in at least 100.0 % of the runs");
});

test.each([
  [["--bootstrap", "1"], "--bootstrap"],
  [["--bootstrap", "3", "--frequency", "1.5"], "--frequency"],
  [["--bootstrap", "3", "--frequency", "0"], "--frequency"],
  [["--frequency", "0.5"], "frequency"],
])("%j is refused", async (flags, named) => {
  const { code, stderr } = await runCli(["extract", "--out", "refused", ...flags], folder.path);
  expect(code).toBe(2);
  expect(stderr).toContain(named);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(readdirSync(folder.path)).not.toContain("refused");
});
