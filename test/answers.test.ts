/**
 * Answers beyond the single token, on nano: several tokens, teacher-forced, and classification by labels. What an
 * extraction reports is worked out again here from one next-token prediction at a time.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { prepareSearch } from "../src/discovery/prepare.ts";
import { type Extraction, extract, loadCircuit, loadModel, type Model, readTask } from "../src/index.ts";
import { encodePrompts, searchSets } from "../src/jobs/prompts.ts";
import { klDivergence, mostLikely } from "../src/measure/distribution.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { countComponents } from "../src/transformer/circuit.ts";
import { found, originalLogits, patchedLogits } from "./support/run-model.ts";

const tolerance = 1e-4;
const runtime = inlineRuntime({ threads: 1 });
let folder: string;
let model: Model;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-answers-"));
  model = await loadModel("models/nano");
});
afterAll(async () => {
  await model.close();
  await runtime.close();
  await rm(folder, { recursive: true });
});

const next = new Map<string, string>();
/** "Thursday, Friday," → " Saturday, Sunday,": one, two or three tokens more than the file asks for. */
async function successors(): Promise<readonly string[]> {
  const lines = (await readFile("test/skills/successors.jsonl", "utf8")).trim().split("\n");
  const examples = lines.map((line): { prompt: string; answers: [string] } => JSON.parse(line));
  for (const { prompt, answers } of examples) {
    const words = `${prompt}${answers[0]}`.split(", ");
    for (const [at, word] of words.slice(1).entries()) next.set(found(words[at]), word);
  }
  const splits = ["patching", "validation", "test"];
  return examples.map(({ prompt, answers: [answer] }, at) => {
    const after = found(next.get(answer.trim()));
    const longer = [answer, `${answer},`, `${answer}, ${after}`][found([2, 0, 1, 2][Math.floor(at / 3) % 4])];
    return JSON.stringify({ prompt, answers: [longer], split: splits[at % 3] });
  });
}

test("answers of several tokens: search, circuit and report agree with one prediction at a time", async () => {
  const path = join(folder, "longer.jsonl");
  await writeFile(path, (await successors()).join("\n"));
  const task = await readTask(path);
  await expect(extract(model, task, join(folder, "aligned"), { threads: 1 })).rejects.toThrow(
    /longer\.jsonl:1: the answer " \w+, \w+" is 3 tokens, .*pith extract --means pooled/,
  );
  const { circuit, folder: out } = await extract(model, task, join(folder, "longer"), {
    ...{ means: "pooled", threads: 1 },
  });
  expect(countComponents(circuit.kept)).toBeLessThan(42);
  expect(circuit.metrics.verified).toBeLessThan(tolerance);

  const settings = { means: "pooled", bos: false, seed: 0 } as const;
  const encoded = encodePrompts(task, model.tokenizer, model.transformer.contextLength, settings);
  expect(new Set(encoded.validation.map(({ scored }) => scored))).toEqual(new Set([1, 2, 3]));
  const { replacements, evaluator } = await prepareSearch(runtime, model.transformer, searchSets(encoded), {
    ...{ ablation: "mean", means: "pooled" },
  });
  await evaluator.close();
  for (const split of ["validation", "test"] as const) {
    let [kl, right, originalRight] = [0, 0, 0];
    // One question for each token of an answer, each with the ones before it in the prompt.
    const questions = encoded[split].map(({ ids, answers: [answer = []] }) =>
      answer.map((_, at) => [...ids, ...answer.slice(0, at)]),
    );
    const allOriginals = await originalLogits(runtime, model.transformer, questions.flat());
    const all = await patchedLogits(runtime, model.transformer, circuit.kept, replacements, questions.flat());
    let taken = 0;
    for (const [index, { answers }] of encoded[split].entries()) {
      const [answer = []] = answers;
      const end = taken + found(questions[index]).length;
      const [originals, own] = [allOriginals.slice(taken, end), all.slice(taken, end)];
      taken = end;
      kl += own.reduce((sum, row, at) => sum + klDivergence(found(originals[at]), row), 0) / answer.length;
      right += Number(own.every((row, at) => mostLikely(row) === answer[at]));
      originalRight += Number(originals.every((row, at) => mostLikely(row) === answer[at]));
    }
    const count = encoded[split].length;
    expect(Math.abs(found(circuit.metrics.kl[split]) - kl / count)).toBeLessThan(tolerance);
    expect(circuit.metrics.accuracy[split]).toEqual({
      ...{ original: originalRight / count, circuit: right / count },
    });
    if (split === "validation") {
      const last = found(circuit.search.trace.findLast(({ pruned }) => pruned));
      expect(Math.abs(last.kl - kl / count)).toBeLessThan(tolerance);
    }
  }

  const shipped = await loadCircuit(out, { threads: 1 });
  const { splits } = await shipped.evaluate(task, { original: model });
  await shipped.close();
  for (const split of ["validation", "test"] as const) {
    expect(splits[split]?.accuracy).toBe(circuit.metrics.accuracy[split]?.circuit);
    expect(Math.abs(found(splits[split]?.kl) - found(circuit.metrics.kl[split]))).toBeLessThan(tolerance);
  }
});

test("sentiment by labels: only the labels' logits decide, and the circuit remembers them", async () => {
  const labels = [" positive", " negative"];
  const path = join(folder, "feelings.jsonl");
  const lines = await readFile("test/skills/sentiment.jsonl", "utf8");
  // Asked in a way that nano has not been taught, so that it often says something else.
  await writeFile(path, lines.replaceAll(" Sentiment:", ""));
  const task = await readTask(path, { labels });
  const { circuit, folder: out }: Extraction = await extract(model, task, join(folder, "sentiment"), {
    ...{ threads: 1 },
  });
  expect(circuit.task.labels).toEqual(labels);
  const shipped = await loadCircuit(out, { threads: 1 });
  const ids = labels.map((label) => found(model.tokenizer.encode(label)[0]));
  const count = model.transformer.vocabularySize;
  const encoded = encodePrompts(task, model.tokenizer, 64, { means: "aligned", bos: false, seed: 0 });
  let [right, openly] = [0, 0];
  for (const { prompt, answers } of encoded.test) {
    const predictions = await shipped.predict(prompt, count);
    const best = found(predictions.find(({ id }) => ids.includes(id)));
    right += Number(best.id === answers[0]?.[0]);
    openly += Number(predictions[0]?.id === answers[0]?.[0]);
  }
  expect(found(circuit.metrics.accuracy["test"]).circuit).toBe(right / encoded.test.length);

  // Otherwise this test would show nothing of labels.
  expect(openly).toBeLessThan(right);

  // By the file alone, the labels of the extraction hold; with others, those do.
  const { splits } = await shipped.evaluate(await readTask(path));
  expect(splits.test?.accuracy).toBe(right / encoded.test.length);
  const elsewhere = { ...(await readTask(path)), sha256: "0".repeat(64) };
  const open = await shipped.evaluate({
    ...elsewhere,
    examples: elsewhere.examples.filter(({ line }) => encoded.test.some((example) => example.line === line)),
  });
  expect(open.splits.test?.accuracy).toBe(openly / encoded.test.length);
  await expect(shipped.evaluate(await readTask(path, { labels: [" positive", " is"] }))).rejects.toThrow(
    'the answer " negative" is none of the labels " positive", " is".',
  );
  await shipped.close();
});
