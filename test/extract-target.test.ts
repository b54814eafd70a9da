/** Extraction for a target and in several passes, on the public API: what circuit.json says, and that an interruption changes nothing. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type CircuitFile,
  type ExtractOptions,
  extract,
  loadCircuit,
  loadModel,
  type Model,
  readTask,
  type Task,
} from "../src/index.ts";
import { countKept } from "../src/transformer/circuit.ts";

let folder: string;
let model: Model;
let task: Task;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-target-"));
  model = await loadModel("models/nano");
  task = await readTask(await someOf("acronyms"));
});

/** A few prompts of a golden task, as a file. */
async function someOf(name: string): Promise<string> {
  const lines = (await readFile(`test/golden/nano-${name}.jsonl`, "utf8")).trim().split("\n");
  const examples = lines.map((line): { split: string } => JSON.parse(line));
  const some = (split: string, from: number, to: number) =>
    examples.filter((example) => example.split === split).slice(from, to);
  const chosen = [
    ...some("patching", 0, 8),
    ...some("validation", 0, 8),
    ...some("validation", 8, 14).map((example) => ({ ...example, split: "test" })),
  ];
  const path = join(folder, `${name}.jsonl`);
  await writeFile(path, chosen.map((example) => `${JSON.stringify(example)}\n`).join(""));
  return path;
}

afterAll(async () => {
  await model.close();
  await rm(folder, { recursive: true });
});

const run = (name: string, options: ExtractOptions) =>
  extract(model, task, join(folder, name), { threads: 1, bos: true, force: true, ...options });

/** What does not depend on the run: not how long a prompt took, nor the checksum that is over it as well. */
function essence({ metrics, checksum: _, ...rest }: CircuitFile): unknown {
  const { milliseconds: __, ...computed } = metrics;
  return { ...rest, metrics: computed };
}

/** Stops an extraction after so many steps of its search. */
async function interrupt(
  name: string,
  options: ExtractOptions,
  after: number,
  extraction: (name: string, options: ExtractOptions) => Promise<unknown> = run,
): Promise<void> {
  const abort = new AbortController();
  let steps = 0;
  const interrupted = extraction(name, {
    ...options,
    signal: abort.signal,
    onEvent: (event) => {
      const isStep = event.kind === "decision" || (event.kind === "progress" && event.step === "search");
      if (isStep && ++steps === after) abort.abort(new Error("stop here"));
    },
  });
  await expect(interrupted).rejects.toThrow("stop here");
}

test("for an accuracy: the record agrees with what was measured, and it resumes", async () => {
  const options: ExtractOptions = { target: { kind: "accuracy", value: 0.85 }, maxKl: 0.3 };
  const { circuit, folder: out } = await run("accuracy", options);
  const { target, metrics } = circuit;
  expect(target).toMatchObject({ kind: "accuracy", value: 0.85, candidates: 42, settled: true });
  expect(target?.evaluations).toBeLessThanOrEqual(8 * 42);
  expect(target?.reached.accuracy).toBe(metrics.accuracy.validation?.circuit);
  expect(target?.reached.kl).toBeCloseTo(metrics.kl.validation ?? Number.NaN, 4);
  expect(target?.reached.kl).toBeLessThanOrEqual(0.3);
  const { original, circuit: own } = metrics.parameters;
  expect(target?.reached.size).toBeCloseTo(own.body / original.body, 12);
  const shipped = await loadCircuit(out, { threads: 1 });
  // The checksum is the file's, and is compared when the file is read.
  const { checksum: _, ...facts } = circuit;
  expect(shipped.circuit).toEqual(facts);
  await shipped.close();

  await interrupt("accuracy-2", options, 100);
  const again = await run("accuracy-2", { ...options, resume: true });
  expect(essence(again.circuit)).toEqual(essence(circuit));
});

test("where nothing can be spared the whole model is shipped, resumed too", async () => {
  const options: ExtractOptions = { target: { kind: "kl", value: 0 }, mlps: false };
  // The golden acronyms have heads that only rounding tells from nothing; every head of these names tells.
  const names = await readTask(await someOf("ioi"));
  const runNames = (name: string, more: ExtractOptions = {}) =>
    extract(model, names, join(folder, name), { threads: 1, force: true, ...options, ...more });
  const { circuit } = await runNames("whole");
  expect(countKept(circuit.kept)).toEqual({ head: 36, mlp: 6, neuron: 0 });
  expect(circuit.target?.leastAlpha).toBe(5.5e-4);
  expect(circuit.target).toMatchObject({ reached: { size: 1 }, settled: true, tried: [] });
  await interrupt("whole-2", options, 40, runNames);
  const again = await runNames("whole-2", { resume: true });
  expect(essence(again.circuit)).toEqual(essence(circuit));
});

test("in passes: interrupted in the second, it ends the same", async () => {
  const options: ExtractOptions = { alpha: 0.01, passes: 3, maxKl: 0.2 };
  const { circuit } = await run("passes", options);
  expect(circuit.search.options).toMatchObject({ passes: 3, maxKl: 0.2 });
  const passes = circuit.search.trace.map(({ pass }) => pass ?? 1);
  expect(passes.filter((pass) => pass === 1)).toHaveLength(42);
  expect(Math.max(...passes)).toBeGreaterThan(1);
  await interrupt("passes-2", options, 44);
  const again = await run("passes-2", { ...options, resume: true });
  expect(essence(again.circuit)).toEqual(essence(circuit));
});
