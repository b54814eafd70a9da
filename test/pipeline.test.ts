/**
 * Extraction from one end to the other, on the public API, with nano and a small task: what comes out, what is
 * left when it is interrupted, and that going on ends where it would have ended.
 */
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type CircuitFile,
  type Decision,
  type ExtractOptions,
  extract,
  loadCircuit,
  loadModel,
  type Model,
  PithError,
  type PithEvent,
  readTask,
  type Task,
} from "../src/index.ts";
import { countKept } from "../src/transformer/circuit.ts";

let folder: string;
let model: Model;
let task: Task;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-pipeline-"));
  const lines = (await readFile("test/golden/nano-ioi.jsonl", "utf8")).trim().split("\n");
  const examples = lines.map((line): { split: string } => JSON.parse(line));
  const some = (split: string, from: number, to: number) =>
    examples.filter((example) => example.split === split).slice(from, to);
  const chosen = [
    ...some("patching", 0, 12),
    ...some("validation", 0, 12),
    ...some("validation", 12, 20).map((example) => ({ ...example, split: "test" })),
  ];
  const path = join(folder, "small.jsonl");
  await writeFile(path, chosen.map((example) => `${JSON.stringify(example)}\n`).join(""));
  model = await loadModel("models/nano");
  task = await readTask(path);
});

afterAll(async () => {
  await model.close();
  await rm(folder, { recursive: true });
});

/** What does not depend on the run: not how long a prompt took. */
function essence({ kept, search, metrics, task, replacement }: CircuitFile) {
  const { milliseconds: _, ...computed } = metrics;
  return { kept, search, task, replacement, metrics: computed };
}

const run = (name: string, options: ExtractOptions = {}) =>
  extract(model, task, join(folder, name), { threads: 1, ...options });

test("what is extracted is what was promised, and opens again", async () => {
  const events: PithEvent[] = [];
  const {
    circuit,
    counters,
    timing,
    folder: out,
  } = await run("whole", {
    onEvent: (event) => void events.push(event),
  });
  const { metrics } = circuit;
  expect(circuit.search.trace).toHaveLength(42);
  expect(countKept(circuit.kept).head).toBeGreaterThan(0);
  expect(countKept(circuit.kept).head).toBeLessThan(36);
  expect(metrics.verified).toBeLessThan(1e-4);
  expect(metrics.parameters.circuit.total).toBeLessThan(metrics.parameters.original.total);
  expect(metrics.parameters.original.total).toBe(3_103_104);
  expect(circuit.task.examples).toEqual({ patching: 12, validation: 12, test: 8 });
  const lastPruned = circuit.search.trace.findLast(({ pruned }) => pruned);
  expect(metrics.kl["validation"]).toBeCloseTo(lastPruned?.kl ?? Number.NaN, 5);
  expect(counters.flops).toBeGreaterThan(0);
  expect(timing?.circuit.median).toBeGreaterThan(0);

  const steps = events.flatMap((event) => (event.kind === "step" ? [event.step] : []));
  expect(steps.at(-1)).toBe("measure");
  expect(steps.indexOf("search")).toBeLessThan(steps.indexOf("export"));
  expect(steps.indexOf("export")).toBeLessThan(steps.indexOf("verify"));
  const decisions = events.flatMap((event) => (event.kind === "decision" ? [event.decision] : []));
  expect(decisions).toEqual(circuit.search.trace);

  const shipped = await loadCircuit(out, { threads: 1 });
  // The checksum is the file's, and is compared when the file is read.
  const { checksum: _, ...facts } = circuit;
  expect(shipped.circuit).toEqual(facts);
  const { splits } = await shipped.evaluate(task, { original: model });
  for (const split of ["validation", "test"] as const) {
    expect(splits[split]?.accuracy).toBe(metrics.accuracy[split]?.circuit);
    expect(splits[split]?.originalAccuracy).toBe(metrics.accuracy[split]?.original);
    expect(splits[split]?.kl).toBeCloseTo(metrics.kl[split] ?? Number.NaN, 6);
  }
  await shipped.close();
  // Nothing beside it: no journal, no half-written folder.
  expect((await readdir(folder)).sort()).toEqual(["small.jsonl", "whole"]);

  await expect(run("whole")).rejects.toMatchObject({ code: "output" });
});

test("interrupted and resumed, it ends the same", async () => {
  const whole = (await run("whole", { force: true })).circuit;
  for (const stopAt of [1, 20, 41]) {
    const abort = new AbortController();
    const told: Decision[] = [];
    const interrupted = run("resumed", {
      signal: abort.signal,
      onEvent: (event) => {
        if (event.kind !== "decision") return;
        told.push(event.decision);
        if (told.length === stopAt) abort.abort(new Error("stop here"));
      },
    });
    await expect(interrupted).rejects.toThrow("stop here");
    expect(existsSync(join(folder, "resumed"))).toBe(false);

    let resumed: readonly Decision[] = [];
    const fresh: Decision[] = [];
    const { circuit, folder: out } = await run("resumed", {
      resume: true,
      onEvent: (event) => {
        if (event.kind === "search") resumed = event.resumed;
        if (event.kind === "decision") fresh.push(event.decision);
      },
    });
    expect(resumed).toEqual(whole.search.trace.slice(0, stopAt));
    expect([...resumed, ...fresh]).toEqual(whole.search.trace);
    expect(essence(circuit)).toEqual(essence(whole));
    await rm(out, { recursive: true });
  }
});

test("another search's journal is not taken over", async () => {
  const abort = new AbortController();
  const onEvent = (event: PithEvent) => event.kind === "decision" && abort.abort(new Error("stop here"));
  const interrupted = run("other", { signal: abort.signal, onEvent });
  await expect(interrupted).rejects.toThrow("stop here");
  const others: readonly ExtractOptions[] = [
    { alpha: 0.021 },
    { ablation: "zero" },
    { mlps: false },
    { order: "downstream" },
    { means: "pooled" },
  ];
  for (const options of others) {
    await expect(run("other", { ...options, resume: true })).rejects.toThrow(PithError);
  }
  expect(existsSync(join(folder, "other"))).toBe(false);
  // The threads are no part of it.
  await run("other", { resume: true, threads: 2 });
  expect(existsSync(join(folder, "other"))).toBe(true);
});

test("aborted before it begins, it does nothing", async () => {
  const before = await readdir(folder);
  const signal = AbortSignal.abort(new Error("never"));
  await expect(run("never", { signal })).rejects.toThrow("never");
  expect(await readdir(folder)).toEqual(before);
});
