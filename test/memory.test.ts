/**
 * A bound of memory changes nothing but memory: with residual streams in a file, small batches and no layer loaded
 * ahead, traces and circuits are the same to the last bit. And a bound is refused, kept and cleaned up after.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test, vi } from "vitest";
import { parseByteSize } from "../src/byte-size.ts";
import { runSweep } from "../src/experiments/run-sweep.ts";
import { planSweep } from "../src/experiments/sweep-plan.ts";
import { readSweepTasks } from "../src/experiments/sweep-tasks.ts";
import { openSpillFolder } from "../src/files/spill-folder.ts";
import { extract } from "../src/jobs/extract/extract.ts";
import { loadModel, type Model } from "../src/jobs/load-model.ts";
import { readTask } from "../src/jobs/read-task.ts";
import { answerLogits, scoredAtEnd } from "../src/measure/answer-logits.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import type { Room } from "../src/runtime/room.ts";
import type { Runtime } from "../src/runtime/runtime.ts";
import { countingRuntime } from "./support/counting-runtime.ts";
import { goldenPrompts, loadNano } from "./support/export-circuit.ts";
import { modelShapes, powersOfTwo, promptLengths, searchRules } from "./support/random-cases.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";
import { runCli } from "./support/run-cli.ts";
import { found } from "./support/run-model.ts";
import { runSearch, type SearchRun } from "./support/run-search.ts";

const folder = await mkdtemp(join(tmpdir(), "pith-memory-"));
const free = inlineRuntime({ threads: 1 });
afterAll(async () => {
  await free.close();
  await rm(folder, { recursive: true, force: true });
});

/** A runtime that spills and never loads ahead, and what it leaves behind. */
async function bounded(
  tokensAtOnce: number,
): Promise<{ runtime: Runtime; spill: Awaited<ReturnType<typeof openSpillFolder>>; end(): Promise<void> }> {
  const spill = await openSpillFolder(join(folder, "bounded"));
  let waiting = 0;
  const streams: Room["streams"] = {
    async write(values) {
      waiting++;
      return spill.write(values);
    },
    read: (place) => spill.read(place),
    free(place) {
      waiting--;
      spill.free(place);
    },
  };
  const room: Room = {
    ...{ bound: 1e12, weightBytes: 1e12, fileBytes: 1e12, tokensAtOnce, logitRows: 1 },
    streams,
  };
  const inline = inlineRuntime({ threads: 1, room });
  const runtime = countingRuntime({ ...inline, hasRoomAhead: () => false });
  return {
    ...{ runtime, spill },
    async end() {
      expect(waiting).toBe(0);
      expect(runtime.held()).toEqual({ tensors: 0, sessions: 0 });
      await inline.close();
      await spill.close();
    },
  };
}

const essence = ({ circuit, trace, kl, predictions }: Awaited<ReturnType<typeof runSearch>>) => ({
  ...{ circuit, trace, kl, predictions },
});

describe("a search whose streams wait in a file is the same to the last bit", () => {
  test("on random models of many shapes", async () => {
    const shape = modelShapes({ layers: { min: 1, max: 3 }, heads: [1, 2, 3] });
    const lengths = promptLengths(5);
    const rules = fc.record({ ...searchRules, alpha: powersOfTwo(-12, 3), passes: fc.constantFrom(1, 2) });
    await fc.assert(
      fc.asyncProperty(shape, rules, lengths, lengths, async (options, rule, one, other) => {
        const model = randomTransformer(options);
        const even = (list: readonly number[]) =>
          rule.ablation === "aligned" ? list.map(() => found(other[0])) : list;
        const run: SearchRun = {
          ...rule,
          patching: randomPrompts(even(one), options.vocabulary, 3),
          validation: randomPrompts(even(other), options.vocabulary, 4),
        };
        const { runtime, spill, end } = await bounded(3);
        const own = essence(await runSearch(runtime, model, run));
        expect(own).toEqual(essence(await runSearch(free, model, run)));
        expect(spill.traffic().written).toBeGreaterThan(0);
        await end();
      }),
      { numRuns: 20 },
    );
  });

  test("on nano, and so are the logits of a model", async () => {
    const model = await loadNano();
    const patching = (await goldenPrompts("ioi", "patching")).slice(0, 10);
    const validation = (await goldenPrompts("ioi", "validation")).slice(0, 10);
    const rule = { ablation: "aligned", alpha: 0.02, mlps: true, order: "published" } as const;
    const run: SearchRun = { ...rule, patching, validation };
    const { runtime, end } = await bounded(20);
    expect(essence(await runSearch(runtime, model, run))).toEqual(essence(await runSearch(free, model, run)));
    const logits = async (engine: Runtime) => {
      const rows: Float32Array[] = [];
      await answerLogits(engine, model, validation.map(scoredAtEnd), (index, row) => {
        rows[index] = row.slice();
      });
      return rows;
    };
    expect(await logits(runtime)).toEqual(await logits(free));
    await end();
  });
});

/** A bound little above the least that would do, which a refusal names. */
async function littleMore(refused: Promise<unknown>): Promise<number> {
  const [, least = ""] = /Give at least ([\d.]+ [GM]B)/.exec(await refused.then(String, String)) ?? [];
  return found(parseByteSize(least)) + 4e6;
}

/** Thirty prompts of each set. */
async function fewAcronyms({ tokenizer }: Pick<Model, "tokenizer">): Promise<string> {
  const { examples } = await readTask("acronyms", { tokenizer });
  const few = (["patching", "validation", "test"] as const).flatMap((split) =>
    examples.filter((example) => example.split === split).slice(0, 30),
  );
  return few
    .map(({ prompt, answers, split }) =>
      JSON.stringify({ prompt, split, ...(answers.length > 0 && { answers }) }),
    )
    .join("\n");
}

describe("an extraction with a bound", () => {
  const options = { alpha: 0.05, threads: 1 } as const;

  test("ships the same circuit, says what it planned and took, and leaves nothing on the disk", async () => {
    // Plans begin with what the process holds, which is otherwise another number in every run.
    vi.spyOn(process.memoryUsage, "rss").mockReturnValue(300e6);
    const model = await loadModel();
    const file = join(folder, "few.jsonl");
    await writeFile(file, await fewAcronyms(model));
    const task = await readTask(file, { tokenizer: model.tokenizer });
    const run = async (name: string, memory?: number) => {
      const notes: string[] = [];
      const extraction = await extract(model, task, join(folder, name), {
        ...{ ...options, memory },
        onEvent: (event) => event.kind === "note" && notes.push(event.note),
      });
      return { ...extraction, notes };
    };
    const plain = await run("plain");
    expect(plain.memory).toBeUndefined();
    const bound = await run("bound", await littleMore(run("refused", 1e6)));
    expect(existsSync(join(folder, "refused"))).toBe(false);
    expect(bound.memory).toMatchObject({ spill: { written: expect.any(Number) } });
    expect(bound.memory?.moved.written).toBeGreaterThan(1e6);
    expect(bound.memory?.moved.read).toBeGreaterThan(bound.memory?.moved.written ?? 0);
    expect(bound.notes.join()).toMatch(/Memory: about .* wait on the disk/);
    expect(bound.circuit.search.trace).toEqual(plain.circuit.search.trace);
    expect(bound.circuit.kept).toEqual(plain.circuit.kept);
    expect(bound.circuit.metrics.verified).toBe(plain.circuit.metrics.verified);
    expect(bound.circuit.metrics.kl).toEqual(plain.circuit.metrics.kl);
    expect(bound.circuit.metrics.accuracy).toEqual(plain.circuit.metrics.accuracy);
    for (const name of ["model.onnx", "model.onnx_data"]) {
      const [one, other] = ["plain", "bound"].map((each) => readFileSync(join(folder, each, "onnx", name)));
      expect(one?.equals(found(other))).toBe(true);
    }
    expect(readdirSync(folder).filter((name) => name.includes("spill"))).toEqual([]);

    // Stopped in the middle of the search, it leaves no streams either.
    const stop = new AbortController();
    const seen: string[] = [];
    await expect(
      extract(model, task, join(folder, "stopped"), {
        ...{ ...options, memory: await littleMore(run("refused", 1e6)), signal: stop.signal },
        onEvent(event) {
          if (event.kind !== "decision") return;
          seen.push(...readdirSync(folder).filter((name) => name.includes("spill")));
          stop.abort(new Error("stopped"));
        },
      }),
    ).rejects.toThrow("stopped");
    expect(seen).toContain(`.stopped.spill-${process.pid}`);
    expect(readdirSync(folder).filter((name) => name.includes("spill"))).toEqual([]);
    vi.restoreAllMocks();
    await model.close();
  });

  test("sweeps to the same rows, one unit at a time", async () => {
    vi.spyOn(process.memoryUsage, "rss").mockReturnValue(300e6);
    const model = await loadModel();
    const file = join(folder, "sweep.jsonl");
    await writeFile(file, await fewAcronyms(model));
    const tasks = await readSweepTasks(model, [file], { means: "aligned", seeds: [0] });
    const choice = { alphas: [0.5, 2], ablations: ["mean"], mlps: [true], means: "aligned" } as const;
    const plan = planSweep(tasks, { ...choice, order: "published" });
    const run = (memory?: number) => runSweep(model, plan, { memory, threads: 1, allowWeak: true });
    const bound = await run(await littleMore(run(1e6)));
    expect(bound.memory?.moved.written).toBeGreaterThan(1e6);
    expect(bound.share.jobs).toBe(1);
    expect(bound.rows).toEqual((await run()).rows);
    await expect(runSweep(model, plan, { memory: 3e9, jobs: 2 })).rejects.toThrow("one unit at a time");
    vi.restoreAllMocks();
    await model.close();
  });

  test("is refused on the command line before anything runs", async () => {
    const said = async (...words: readonly string[]) => {
      const { code, stderr } = await runCli(["extract", "--out", "out", ...words], folder);
      expect(code).toBe(2);
      return stderr;
    };
    expect(await said("--memory", "3")).toContain(
      '--memory": expected a size such as 3GB or 512MB, found "3".',
    );
    expect(await said("--memory", "10MB")).toMatch(/"memory": 10 MB are too little: .* Give at least \d+ MB/);
    expect(await said("--memory", "3GB", "--compile")).toContain("can't go with --memory");
    expect(await said("--memory", "3GB", "--device", "webgpu")).toContain("bounds the processor's memory");
    expect(existsSync(join(folder, "out"))).toBe(false);
  });
});
