/** Several number formats in one folder: shipped, added later, asked for by name, by Pith and by transformers.js. */
import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AutoModelForCausalLM, AutoTokenizer, env } from "@huggingface/transformers";
import * as version3 from "transformers-js-3";
import { beforeAll, describe, expect, test } from "vitest";
import { parseShipped } from "../src/cli/dtype-options.ts";
import type { CircuitFile } from "../src/export/circuit-file.ts";
import { parseCircuitFile } from "../src/export/circuit-json.ts";
import { type Dtype, dtypes } from "../src/export/dtype.ts";
import { circuitIn, dtypesIn, formatOf } from "../src/export/formats.ts";
import { readCircuitFolder } from "../src/export/read-folder.ts";
import { loadCircuit } from "../src/index.ts";
import { temporaryFolder } from "./support/export-circuit.ts";
import { runCli } from "./support/run-cli.ts";
import { found } from "./support/run-model.ts";

const prompt = "Then, Alice and Michael went to the market. Alice gave a snack to";
let place: string;
/** Of any length, in all four formats at once. */
let all: string;

beforeAll(async () => {
  place = await temporaryFolder();
  all = join(place, "all");
  const lines = (await readFile("models/nano/tasks/ioi.jsonl", "utf8")).trimEnd().split("\n");
  const few = ["patching", "validation", "test"].flatMap((split) =>
    lines.filter((line) => line.includes(`"split": "${split}"`)).slice(0, 20),
  );
  await writeFile(join(place, "few.jsonl"), few.join("\n"));
  const made = await runCli([...extract, "--dtype", "f32,f16,int8,int4", "--out", all], place);
  expect(made).toMatchObject({ code: 0 });
});

const task = ["--task", "few.jsonl", "--threads", "1"];
// What 20 prompts say of a loss is rough: whether it is within the bounds is not what is tested here.
const extract = ["extract", ...task, "--means", "pooled", "--alpha", "0.1", "--force"];

const recordOf = async (folder: string): Promise<CircuitFile> =>
  parseCircuitFile(JSON.parse(await readFile(join(folder, "circuit.json"), "utf8")));

const modelNames = ["model.onnx", "model_fp16.onnx", "model_q4.onnx", "model_quantized.onnx"];

test("lie under transformers.js's names, and are listed with hashes, sizes and measurements", async () => {
  const files = (await readdir(join(all, "onnx"))).sort();
  expect(files).toEqual(modelNames.flatMap((name) => [name, `${name}_data`]).sort());
  const record = await recordOf(all);
  expect(dtypesIn(record)).toEqual(dtypes);
  expect(record.files?.map(({ name }) => name)).toEqual(
    expect.arrayContaining(files.map((name) => `onnx/${name}`)),
  );
  const sizes = dtypes.map((dtype) => circuitIn(record, dtype).metrics.bytes.circuit);
  expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
  for (const format of record.formats ?? []) {
    expect(format.divergence.validation).toBeLessThan(0.02);
    expect(format.accuracy?.test).toBeGreaterThan(0.5);
    expect(format.kl?.validation).toBeGreaterThan(0);
    // The list, and circuit.json of a folder of this format alone, say the same.
    expect(formatOf(circuitIn(record, format.weights))).toEqual(format);
  }
  const card = await readFile(join(all, "README.md"), "utf8");
  expect(card).toContain("| int4 | `q4` | `onnx/model_q4.onnx` |");
});

describe("a command", () => {
  test.each(dtypes)("opens %s where it is asked for, and says so", async (dtype) => {
    const { code, stdout, stderr } = await runCli(
      ["run", all, "--prompt", prompt, "--dtype", dtype, "--json"],
      place,
    );
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining(`opened in ${dtype}; it holds f32, f16, int8, int4`),
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ dtype });
    const evaluated = await runCli(["eval", all, ...task, "--dtype", dtype, "--json"], place);
    const { splits, bytes } = JSON.parse(evaluated.stdout);
    const { metrics } = circuitIn(await recordOf(all), dtype);
    expect(splits.test.accuracy).toBe(metrics.accuracy.test?.circuit);
    expect(splits.test.kl).toBeCloseTo(found(metrics.kl.test), 6);
    expect(bytes.circuit).toBe(metrics.bytes.circuit);
  });

  test("that is asked for a format which is not there says what is", async () => {
    const int8 = join(place, "int8");
    const made = await runCli(["convert", all, ...task, "--dtype", "int8", "--out", int8, "--force"], place);
    expect(made.code).toBe(0);
    expect(dtypesIn(await recordOf(int8))).toEqual(["int8"]);
    expect((await readdir(join(int8, "onnx"))).sort()).toEqual(["model.onnx", "model.onnx_data"]);
    const { code, stderr } = await runCli(["run", int8, "--prompt", prompt, "--dtype", "f16"], place);
    expect([code, stderr]).toEqual([2, expect.stringContaining("int8 holds no f16: it has int8")]);
  });

  test("tells of a damaged format where that one is opened, or the whole folder is told of", async () => {
    const folder = join(place, "damaged");
    await cp(all, folder, { recursive: true });
    const path = join(folder, "onnx/model_q4.onnx_data");
    const bytes = await readFile(path);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(path, bytes);
    await readCircuitFolder(folder);
    await readCircuitFolder(folder, { dtype: "int8" });
    const damaged = { code: "circuit", place: { file: path } };
    await expect(readCircuitFolder(folder, { dtype: "int4" })).rejects.toMatchObject(damaged);
    const { code, stderr } = await runCli(["inspect", folder], place);
    expect([code, stderr]).toEqual([2, expect.stringContaining("model_q4.onnx_data: was changed")]);
  });
});

test("formats that are added later are those that an extraction ships, and nothing else in the folder changes", async () => {
  const folder = join(place, "grown");
  const int8 = join(place, "grown-int8");
  expect((await runCli([...extract, "--out", folder], place)).code).toBe(0);
  await writeFile(join(folder, "notes of mine.txt"), "kept");
  const before = await readFile(join(folder, "onnx/model.onnx_data"));
  const added = await runCli(["convert", folder, ...task, "--add", "--dtype", "f16,int4", "--force"], place);
  expect(added).toMatchObject({ code: 0 });
  expect(await readFile(join(folder, "notes of mine.txt"), "utf8")).toBe("kept");
  expect((await readFile(join(folder, "onnx/model.onnx_data"))).equals(before)).toBe(true);
  const [grown, shipped] = [await recordOf(folder), await recordOf(all)];
  expect(dtypesIn(grown)).toEqual(["f32", "f16", "int4"]);
  for (const dtype of ["f16", "int4"] as const) {
    const name = `onnx/model_${dtype === "f16" ? "fp16" : "q4"}.onnx_data`;
    const hash = (record: CircuitFile) => found(record.files?.find((file) => file.name === name)).sha256;
    expect(hash(grown)).toBe(hash(shipped));
    expect(circuitIn(grown, dtype).metrics.kl).toEqual(circuitIn(shipped, dtype).metrics.kl);
  }
  const again = await runCli(["convert", folder, ...task, "--add", "--dtype", "int4"], place);
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("holds int4 already")]);
  const nowhere = await runCli(["convert", folder, ...task, "--dtype", "int8"], place);
  expect([nowhere.code, nowhere.stderr]).toEqual([2, expect.stringContaining("--add")]);
  const many = await runCli(["convert", folder, ...task, "--dtype", "int8,int4", "--out", int8], place);
  expect([many.code, many.stderr]).toEqual([2, expect.stringContaining("takes one number format")]);
});

test("a list without f32, with a stranger or with one twice is refused", () => {
  expect(parseShipped("int8")).toEqual(["int8"]);
  expect(parseShipped("int8, f32")).toEqual(["f32", "int8"]);
  for (const [text, message] of [
    ["f16,int8", "several formats without f32"],
    ["f32,int2", '"int2" is no format'],
    ["f32,f32", "names a format twice"],
    ["", '"" is no format'],
  ] as const) {
    expect(() => parseShipped(text)).toThrow(message);
  }
});

test.each([
  ["f32", "fp32"],
  ["f16", "fp16"],
  ["int8", "q8"],
  ["int4", "q4"],
] as const)("transformers.js 4 and 3 open %s as %s, and give Pith's logits", async (dtype: Dtype, name) => {
  for (const each of [env, version3.env]) {
    each.allowRemoteModels = false;
    each.localModelPath = dirname(all);
  }
  const tokenizer = await AutoTokenizer.from_pretrained(basename(all));
  const model = await AutoModelForCausalLM.from_pretrained(basename(all), { dtype: name });
  const { logits } = await model(tokenizer(prompt, { add_special_tokens: false }));
  const older = await version3.AutoModelForCausalLM.from_pretrained(basename(all), { dtype: name });
  const ofOlder = await version3.AutoTokenizer.from_pretrained(basename(all));
  const { logits: olderLogits } = await older(ofOlder(prompt, { add_special_tokens: false }));
  const circuit = await loadCircuit(all, { dtype, threads: 1 });
  const predictions = await circuit.predict(prompt, circuit.circuit.model.vocabulary);
  await circuit.close();
  for (const { data } of [logits, olderLogits]) {
    const last: Float32Array = data.slice(-circuit.circuit.model.vocabulary);
    for (const { id, logit } of predictions) expect(Math.abs(found(last[id]) - logit)).toBeLessThan(1e-3);
  }
});
