/**
 * Evidence for a circuit: the figures are those of a reference that shares no code with it, random circuits have the
 * circuit's size, and the command writes what the library gives.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { randomCircuitLike } from "../src/discovery/random-circuits.ts";
import {
  type CircuitEvidence,
  extract,
  gatherEvidence,
  gatherReport,
  loadModel,
  type Model,
  readTask,
  reportPage,
} from "../src/index.ts";
import { readEvidence } from "../src/jobs/evidence/evidence-file.ts";
import { formatTaskFile } from "../src/tasks/format-task-file.ts";
import { createRandom } from "../src/tasks/random.ts";
import {
  circuitOfLists,
  componentsOf,
  countComponents,
  keeps,
  keptNeurons,
} from "../src/transformer/circuit.ts";
import { circuitSize } from "../src/transformer/circuit-size.ts";
import { neuronCountsOf } from "../src/transformer/component.ts";
import { runCli } from "./support/run-cli.ts";

let place: string;
let nano: Model;
let folder: string;
let task: string;
let evidence: CircuitEvidence;

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "pith-evidence-"));
  nano = await loadModel();
  const { examples } = await readTask("greater-than", {
    tokenizer: nano.tokenizer,
    counts: { patching: 30, validation: 30, test: 30 },
  });
  task = join(place, "years.jsonl");
  await writeFile(task, formatTaskFile(examples));
  ({ folder } = await extract(nano, await readTask(task), join(place, "years"), { alpha: 0.02, threads: 1 }));
  evidence = await gatherEvidence(folder, {
    ...{ original: nano, task: await readTask(task), random: 20, threads: 1 },
  });
});

afterAll(async () => {
  await nano.close();
  await rm(place, { recursive: true, force: true });
});

test("the circuit's own figures are those in circuit.json, on the test prompts", async () => {
  const circuit = JSON.parse(await readFile(join(folder, "circuit.json"), "utf8"));
  expect(evidence.split).toBe("test");
  expect(evidence.prompts).toBe(30);
  expect(evidence.circuit.kl).toBeCloseTo(circuit.metrics.kl.test, 4);
  expect(evidence.circuit.accuracy).toBeCloseTo(circuit.metrics.accuracy.test.circuit, 9);
  expect(evidence.original.accuracy).toBeCloseTo(circuit.metrics.accuracy.test.original, 9);
  expect(evidence.minimality.kl).toBeCloseTo(circuit.metrics.kl.validation, 4);
});

test("a circuit that was searched for beats random ones of its size", () => {
  const { random, circuit } = evidence;
  expect(random.drawn).toHaveLength(20);
  for (const { size } of random.drawn) expect(size).toBeCloseTo(circuit.size, 9);
  expect(random.kl.beaten).toBe(random.drawn.filter(({ kl }) => kl > circuit.kl).length);
  expect(random.kl.beaten).toBeGreaterThan(15);
});

test("minimality: every kept component was tried alone, and what the budget lets go is said", () => {
  const { budget, kl, tried, untried } = evidence.minimality;
  expect(budget).toEqual({ kind: "growth", value: 0.02 });
  expect(untried).toBe(0);
  expect(tried.length).toBeGreaterThan(0);
  for (const each of tried) expect(each.removable).toBe(each.kl - kl < 0.02);
});

test("the curve goes from nothing to the original, whose faithfulness is 1", () => {
  if ("missing" in evidence.curve) throw new Error(evidence.curve.missing);
  const { points, metric, none, whole, scored } = evidence.curve;
  expect(metric).toBe("logit-difference");
  expect(whole).toBeGreaterThan(none);
  expect(scored).toBe(42);
  expect(points.map(({ count }) => count)).toEqual([0, 0, 0, 0, 0, 2, 4, 8, 21, 42]);
  expect(points[0]?.faithfulness).toBeCloseTo(0, 9);
  expect(points.at(-1)?.faithfulness).toBeCloseTo(1, 9);
  expect(points.at(-1)?.size).toBe(1);
});

test("of a task with one wording that is said", () => {
  expect(evidence.wordings).toEqual({ missing: expect.stringContaining("one wording") });
});

test("always giving one answer is seen: different answers are counted", () => {
  expect(evidence.circuit.answers).toBeGreaterThanOrEqual(1);
  expect(evidence.circuit.answers).toBeLessThanOrEqual(30);
  expect(evidence.original.answers).toBeGreaterThan(1);
});

test("a circuit of neurons has evidence: random circuits keep as many weights, and its parts are tried", async () => {
  const { examples } = await readTask("greater-than", {
    tokenizer: nano.tokenizer,
    counts: { patching: 8, validation: 8, test: 8 },
  });
  await writeFile(join(place, "few.jsonl"), formatTaskFile(examples));
  const own = await readTask(join(place, "few.jsonl"));
  const { folder: made } = await extract(nano, own, join(place, "neurons"), {
    ...{ search: { name: "ranked" }, target: { kind: "size", value: 0.03 }, threads: 1 },
  });
  // In words that are its own, a task has the circuit's own results.
  const found = await gatherEvidence(made, {
    ...{ original: nano, task: own, others: [own], random: 3, threads: 1 },
  });
  expect(found.wordings).toEqual([
    {
      ...{ name: "few", example: examples[16]?.prompt, prompts: 8, original: found.original },
      ...found.circuit,
    },
  ]);
  const circuit = JSON.parse(await readFile(join(made, "circuit.json"), "utf8"));
  expect(circuit.onTrial).toEqual(["head", "mlp", "neuron"]);
  expect(found.circuit.kl).toBeCloseTo(circuit.metrics.kl.test, 4);
  for (const { size } of found.random.drawn) expect(size).toBeCloseTo(found.circuit.size, 9);
  expect(found.minimality.budget).toEqual({ kind: "none" });
  const { tried, untried } = found.minimality;
  expect(tried.length + untried).toBeGreaterThan(42);
  expect(found.curve).toEqual({ missing: expect.stringContaining("no decision") });
});

test("random circuits: as many of each kind, only of kinds on trial, and never smaller", () => {
  const kept = circuitOfLists({
    heads: [
      [0, 1],
      [3, 2],
      [5, 0],
    ],
    mlps: [0, 4],
  });
  const random = createRandom(3);
  const keys = new Set<string>();
  for (let draw = 0; draw < 20; draw++) {
    const made = randomCircuitLike(nano.transformer, kept, ["head", "mlp"], random);
    expect(countComponents(made)).toEqual(countComponents(kept));
    expect(circuitSize(nano.transformer, made)).toBe(circuitSize(nano.transformer, kept));
    keys.add(JSON.stringify(componentsOf(made)));
    const heads = randomCircuitLike(nano.transformer, kept, ["head"], random);
    expect(keeps(heads, { kind: "mlp", layer: 4 })).toBe(true);
    expect(keeps(heads, { kind: "mlp", layer: 1 })).toBe(false);
  }
  expect(keys.size).toBeGreaterThan(10);
});

test("random circuits of neurons: as many as the circuit keeps, a whole MLP counted as its neurons", () => {
  const model = nano.transformer;
  const kept = circuitOfLists({ heads: [[0, 1]], mlps: [2, 4], neurons: [[4, [0, 7, 8]]] });
  const made = randomCircuitLike(model, kept, ["head", "neuron"], createRandom(1));
  expect(circuitSize(model, made)).toBe(circuitSize(model, kept));
  const hidden = neuronCountsOf(model)[2] ?? 0;
  const counted = neuronCountsOf(model).map((_, layer) => keptNeurons(made, layer));
  expect(counted.reduce((sum, each) => sum + (each === "all" ? hidden : each.length), 0)).toBe(hidden + 3);
});

test("the command writes the same figures, and refuses another task", async () => {
  const out = join(place, "years-evidence.json");
  const { code, stdout, stderr } = await runCli(
    ["evidence", folder, "--task", task, "--model", "nano", "--random", "20", "--threads", "1"],
    place,
  );
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain(`beats ${evidence.random.kl.beaten} of 20 random circuits`);
  const written = JSON.parse(await readFile(out, "utf8"));
  expect(written).toEqual(JSON.parse(JSON.stringify({ ...evidence, folder })));

  const again = await runCli(["evidence", folder, "--task", task, "--model", "nano"], place);
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("exists already") });
  const args = ["evidence", folder, "--task", "ioi", "--model", "nano", "--json", "--force"];
  const other = await runCli(args, place);
  expect(other.code).toBe(2);
  expect(JSON.parse(other.stdout).error.message).toContain("is not the task");
  const reported = await runCli(["report", "years", "--task", task, "--threads", "1", "--json"], place);
  expect(JSON.parse(reported.stdout).circuits[0].evidence).toBe(true);
  const page = await readFile(join(place, "years-report.html"), "utf8");
  expect(page).toContain(`It beats ${evidence.random.kl.beaten} of 20 of its size by KL`);
}, 60_000);

test("a report shows it: figures and marks of every circuit; of another circuit it shows none", async () => {
  const options = { threads: 1, original: nano, task: await readTask(task) };
  const page = reportPage([await gatherReport(folder, { ...options, evidence })]).replaceAll("\u00a0", " ");
  if ("missing" in evidence.curve) throw new Error(evidence.curve.missing);
  const { cpr, cmd } = evidence.curve;
  expect(page).toContain(`CPR ${cpr.toFixed(3)}, CMD ${cmd.toFixed(3)}`);
  expect(page.match(/<circle class="random"/g)).toHaveLength(20);
  expect(page.match(/<rect class="along"/g)).toHaveLength(2 * 10);
  for (const { evidence: part } of [
    await gatherReport(folder, options),
    await gatherReport(folder, { ...options, evidence: { ...evidence, identity: "another" } }),
  ])
    expect(part).toEqual({ missing: expect.stringContaining(`pith evidence ${folder}`) });
  await writeFile(join(place, "strange.json"), JSON.stringify({ ...evidence, random: 3 }));
  await expect(readEvidence(join(place, "strange.json"))).rejects.toThrow("is not a file that pith evidence");
});
