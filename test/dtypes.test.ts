/** Circuits in narrower number formats, end to end on nano: the command line, transformers.js, and what is refused. */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { AutoModelForCausalLM, AutoTokenizer, env } from "@huggingface/transformers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openFileSource } from "../src/checkpoint/file-source.ts";
import { readSafetensorsHeader } from "../src/checkpoint/safetensors.ts";
import type { CircuitJson } from "../src/export/circuit-format-2.ts";
import { withDtype } from "../src/export/dtype-graph.ts";
import { readCircuitFolder } from "../src/export/read-folder.ts";
import { prepareConvertedFolder } from "../src/export/write-folder.ts";
import { checkLoss } from "../src/jobs/extract/export-dtype.ts";
import { openGraph } from "../src/jobs/read-graph.ts";
import { klDivergence, largestDifference } from "../src/measure/distribution.ts";
import { circuitOfLists } from "../src/transformer/circuit.ts";
import { circuitFile, goldenReplacements, loadNano, shipCircuit } from "./support/export-circuit.ts";
import { runCli } from "./support/run-cli.ts";

/** Enough of each kind for a circuit, and few enough to search often. */
async function fewPrompts(): Promise<string> {
  const lines = (await readFile("test/golden/nano-ioi.jsonl", "utf8")).trim().split("\n");
  const of = (split: string) => lines.filter((line) => line.includes(`"split": "${split}"`));
  const [patching, rest] = [of("patching").slice(0, 50), of("validation")];
  const asTest = rest.slice(75).map((line) => line.replace('"validation"', '"test"'));
  return [...patching, ...rest.slice(0, 75), ...asTest].join("\n");
}

const extract = (out: string, ...options: readonly string[]) =>
  runCli(["extract", "--task", "ioi.jsonl", "--threads", "1", "--out", out, "--json", ...options], folder);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-dtypes-"));
  await writeFile(join(folder, "ioi.jsonl"), await fewPrompts());
  const { code, stderr } = await extract("f32");
  expect([code, stderr]).toEqual([0, expect.anything()]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const circuitOf = async (name: string): Promise<CircuitJson> =>
  JSON.parse(await readFile(join(folder, name, "circuit.json"), "utf8"));

test.each([
  ["f16", 0.52, ["F16", "F32"]],
  ["int8", 0.29, ["F32", "I8"]],
  ["int4", 0.21, ["F32", "I8", "U8"]],
] as const)("convert to %s: smaller, right within a point, and whole", async (dtype, share, kinds) => {
  const { code, stdout, stderr } = await runCli(
    ["convert", "f32", "--dtype", dtype, "--task", "ioi.jsonl", "--threads", "1", "--out", dtype, "--json"],
    folder,
  );
  expect([code, stderr]).toEqual([0, expect.anything()]);
  const { circuit } = JSON.parse(stdout) as { readonly circuit: CircuitJson };
  expect(circuit).toEqual(await circuitOf(dtype));
  const before = await circuitOf("f32");

  // The sizes are those of the files.
  const weights = join(folder, dtype, "onnx", "model.onnx_data");
  expect(circuit.metrics.bytes.circuit).toBe((await stat(weights)).size);
  expect(circuit.metrics.bytes.circuit).toBeLessThan(share * before.metrics.bytes.circuit);
  expect(circuit.dtype?.float32.bytes).toBe(before.metrics.bytes.circuit);
  expect(circuit.metrics.parameters).toEqual(before.metrics.parameters);
  const source = await openFileSource(weights);
  const { tensors } = await readSafetensorsHeader(source);
  await source.close();
  expect([...new Set(tensors.map((tensor) => tensor.dtype))].sort()).toEqual([...kinds].sort());

  for (const split of ["validation", "test"] as const) {
    const float32 = circuit.dtype?.float32.accuracy[split];
    expect(float32).toBe(before.metrics.accuracy[split]?.circuit);
    expect((float32 ?? 0) - (circuit.metrics.accuracy[split]?.circuit ?? 0)).toBeLessThanOrEqual(0.01);
    expect(circuit.dtype?.divergence[split]).toBeGreaterThan(0);
    expect(circuit.dtype?.divergence[split]).toBeLessThan(0.02);
    expect(circuit.metrics.kl[split]).toBeCloseTo(before.metrics.kl[split] ?? 0, 2);
  }
  if (dtype !== "int8") return;
  // Every command opens it.
  const evaluation = await runCli(["eval", dtype, "--task", "ioi.jsonl", "--threads", "1", "--json"], folder);
  expect(JSON.parse(evaluation.stdout).splits.test.accuracy).toBe(circuit.metrics.accuracy.test?.circuit);
  expect((await runCli(["inspect", dtype], folder)).stdout).toMatch(`in f32 → `);
});

test("extract --dtype makes what extract and convert make", async () => {
  const { code } = await extract("direct", "--dtype", "int8");
  expect(code).toBe(0);
  const [direct, converted] = [await circuitOf("direct"), await circuitOf("int8")];
  const timeless = ({ dtype, checksum: _, ...rest }: CircuitJson) => ({
    ...rest,
    divergence: dtype?.divergence,
    accuracy: dtype?.float32.accuracy,
  });
  expect(timeless(direct)).toEqual(timeless(converted));
  const bytes = (name: string) => readFile(join(folder, name, "onnx", "model.onnx_data"));
  expect((await bytes("direct")).equals(await bytes("int8"))).toBe(true);
});

test.each([
  [["convert", "int8", "--task", "ioi.jsonl", "--dtype", "f16", "--out", "x"], /int8: is in int8 already/],
  [
    ["convert", "f32", "--task", "ioi.jsonl", "--dtype", "int8", "--out", "f32"],
    /is the folder that is converted/,
  ],
  [["convert", "f32", "--task", "ioi.jsonl", "--dtype", "int8", "--out", "int8"], /int8: exists already/],
  [
    ["convert", "f32", "--dtype", "int8", "--task", "acronyms", "--out", "x"],
    /not the task that this circuit was cut for/,
  ],
  [["convert", "f32", "--dtype", "int7", "--out", "x"], /Allowed choices are f16, int8, int4/],
  [["convert", "nowhere", "--task", "ioi.jsonl", "--dtype", "int8", "--out", "x"], /nowhere: does not exist/],
])("refused: pith %s", async (args, message) => {
  const { code, stderr } = await runCli(args, folder);
  expect(stderr).toMatch(message);
  expect(code).toBe(2);
  await expect(stat(join(folder, "x"))).rejects.toThrow();
});

test("a loss of a point passes, more does not, and NaN never", () => {
  expect(() => checkLoss("int4", "test", 0.99, 0.98, 0.02)).not.toThrow();
  expect(() => checkLoss("int4", "test", 0.99, 0.97, 0)).toThrow(
    /in int4 the circuit is right on 97.0 % of the test set, in float32 on 99.0 %; a loss of 1.0 % is allowed. .*--force/,
  );
  expect(() => checkLoss("int4", "validation", 0.9, 0.95, 0.03)).toThrow(
    /by 0.0300 nats on the validation set; 0.02/,
  );
  expect(() => checkLoss("int4", "validation", 0.9, 0.9, Number.NaN)).toThrow(/NaN nats/);
  expect(() => checkLoss("int4", "validation", 0.9, Number.NaN, 0)).toThrow(/NaN %/);
});

test("transformers.js opens decoder folders of every format", async () => {
  const model = await loadNano();
  const circuit = circuitOfLists({
    heads: [
      [0, 1],
      [2, 3],
      [5, 0],
    ] as const,
    mlps: [0, 3],
  });
  const means = { ablation: "mean", means: "pooled", bos: false } as const;
  const replacements = await goldenReplacements(model, "ioi", means);
  const { directory, standalone } = await shipCircuit(model, circuit, replacements, {
    kind: "decoder",
  });
  const file = await openGraph(join(directory, "onnx", "model.onnx"));
  const logitsOf = async (place: string): Promise<Float32Array> => {
    env.allowRemoteModels = false;
    env.localModelPath = dirname(place);
    const tokenizer = await AutoTokenizer.from_pretrained(basename(place));
    const loaded = await AutoModelForCausalLM.from_pretrained(basename(place), { dtype: "fp32" });
    const { logits } = await loaded(tokenizer("Then, George and Roman went", { add_special_tokens: false }));
    return logits.data.slice(-model.vocabularySize);
  };
  const exact = await logitsOf(directory);
  for (const dtype of ["f16", "int8", "int4"] as const) {
    const place = join(dirname(directory), dtype);
    const prepared = await prepareConvertedFolder(place, directory, withDtype(file.graph, dtype));
    await prepared.commit(circuitFile(model, standalone, circuit, { kind: "decoder" }, prepared.bytes));
    expect((await readCircuitFolder(place)).circuit.metrics.bytes.circuit).toBe(prepared.bytes);
    const logits = await logitsOf(place);
    expect(largestDifference(logits, exact)).toBeGreaterThan(0);
    expect(klDivergence(exact, logits)).toBeLessThan(0.05);
  }
  await file.close();
});
