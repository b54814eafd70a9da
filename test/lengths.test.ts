/**
 * Prompts of different lengths under pooled means: what a prompt gives does not depend on the prompts beside it,
 * in the original, in the patched model, in the shipped graph, in the search, and in a whole extraction.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cutCircuit } from "../src/cut/cut-circuit.ts";
import { prepareSearch } from "../src/discovery/prepare.ts";
import { search } from "../src/discovery/searches/greedy/search.ts";
import { extract, loadCircuit, loadModel, type Model, readTask } from "../src/index.ts";
import { encodePrompts, searchSets } from "../src/jobs/prompts.ts";
import { klDivergence, largestDifference } from "../src/measure/distribution.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { countKept } from "../src/transformer/circuit.ts";
import { decoderLogits, found, originalLogits, patchedLogits } from "./support/run-model.ts";

type Prompts = readonly (readonly number[])[];

const tolerance = 1e-4;
const runtime = inlineRuntime({ threads: 1 });
let folder: string;
let model: Model;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-lengths-"));
  model = await loadModel("models/nano");
});
afterAll(async () => {
  await model.close();
  await runtime.close();
  await rm(folder, { recursive: true });
});

const settings = { means: "pooled", bos: false, seed: 0 } as const;
async function encoded(path: string) {
  return encodePrompts(await readTask(path), model.tokenizer, model.transformer.contextLength, settings);
}

function largest(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  return Math.max(...a.map((row, index) => largestDifference(row, found(b[index]))));
}

/** Each prompt by itself, beside shorter and longer ones, and in another order. */
async function spread(prompts: Prompts, run: (prompts: Prompts) => Promise<readonly Float32Array[]>) {
  const together = await run(prompts);
  const reversed = (await run(prompts.toReversed())).toReversed();
  const alone: Float32Array[] = [];
  for (const prompt of prompts.slice(0, 3)) alone.push(found((await run([prompt]))[0]));
  return { together, difference: Math.max(largest(together, reversed), largest(alone, together)) };
}

describe.each(["agreement", "induction", "successors"])("%s", (skill) => {
  test("the same logits alone and beside others; the search's KL is the mean of each prompt's own", async () => {
    const { transformer } = model;
    const task = await encoded(`test/skills/${skill}.jsonl`);
    const sets = searchSets(task);
    const lengths = new Set(sets.validation.map((ids) => ids.length));
    expect(lengths.size).toBeGreaterThan(skill === "agreement" ? 1 : 2);

    const { evaluator, replacements } = await prepareSearch(runtime, transformer, sets, {
      ...{ ablation: "mean", means: "pooled" },
    });
    const { circuit, trace } = await search(evaluator, transformer, {
      ...{ alpha: 0.02, mlps: true, order: "published" },
    });
    await evaluator.close();
    const standalone = await cutCircuit(transformer, circuit, replacements);

    const prompts = sets.validation;
    const original = await spread(prompts, (some) => originalLogits(runtime, transformer, some));
    const patched = await spread(prompts, (some) =>
      patchedLogits(runtime, transformer, circuit, replacements, some),
    );
    const shipped = await spread(prompts, (some) => decoderLogits(runtime, standalone, some));
    expect(original.difference).toBeLessThan(tolerance);
    expect(patched.difference).toBeLessThan(tolerance);
    expect(shipped.difference).toBeLessThan(tolerance);
    expect(largest(shipped.together, patched.together)).toBeLessThan(tolerance);

    const kls = original.together.map((row, index) => klDivergence(row, found(patched.together[index])));
    const mean = kls.reduce((sum, kl) => sum + kl, 0) / kls.length;
    const last = trace.findLast(({ pruned }) => pruned);
    expect(Math.abs(mean - found(last).kl)).toBeLessThan(tolerance);
  });
});

test("a whole extraction: the file's order changes nothing, and a prompt alone measures as it did beside others", async () => {
  const lines = (await readFile("test/skills/successors.jsonl", "utf8")).trim().split("\n");
  const splits = ["patching", "validation", "test"];
  const split = lines.map((line, at) => JSON.stringify({ ...JSON.parse(line), split: splits[at % 3] }));
  const run = async (name: string, contents: readonly string[]) => {
    const path = join(folder, `${name}.jsonl`);
    await writeFile(path, contents.join("\n"));
    const task = await readTask(path);
    return { task, ...(await extract(model, task, join(folder, name), { means: "pooled", threads: 1 })) };
  };
  const forwards = await run("forwards", split);
  const backwards = await run("backwards", split.toReversed());
  const [one, other] = [forwards.circuit, backwards.circuit];
  expect(other.kept).toEqual(one.kept);
  expect(countKept(one.kept).head).toBeLessThan(36);
  for (const [index, { kl }] of one.search.trace.entries()) {
    expect(Math.abs(found(other.search.trace[index]).kl - kl)).toBeLessThan(tolerance);
  }

  const shipped = await loadCircuit(forwards.folder, { threads: 1 });
  const members = forwards.task.examples.filter((example) => example.split === "test");
  const alone: { readonly kl: number; readonly right: number }[] = [];
  for (const example of members) {
    const only = { ...forwards.task, examples: [example] };
    const { splits } = await shipped.evaluate(only, { original: model });
    alone.push({ kl: found(splits.test?.kl), right: found(splits.test?.accuracy) });
  }
  await shipped.close();
  const mean = (pick: (each: (typeof alone)[number]) => number) =>
    alone.reduce((sum, each) => sum + pick(each), 0) / alone.length;
  expect(mean(({ right }) => right)).toBeCloseTo(found(one.metrics.accuracy["test"]).circuit, 12);
  expect(Math.abs(mean(({ kl }) => kl) - found(one.metrics.kl["test"]))).toBeLessThan(tolerance);
});
