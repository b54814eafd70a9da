/** A shipped folder, run by ONNX Runtime alone: the program below imports nothing of ours. */
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openFileSource } from "../src/checkpoint/file-source.ts";
import { readSafetensorsHeader, readTensor } from "../src/checkpoint/safetensors.ts";
import type { Profile } from "../src/export/config-json.ts";
import { largestDifference } from "../src/measure/distribution.ts";
import { circuitOfLists } from "../src/transformer/circuit.ts";
import {
  goldenPrompts,
  goldenReplacements,
  goldenRuns,
  loadNano,
  runtime,
  shipCircuit,
} from "./support/export-circuit.ts";
import { found, patchedLogits, runAligned, runDecoder } from "./support/run-model.ts";

/** Feeds one prompt (arguments: model file, ids as JSON); prints the logits after its last token as JSON. */
const foreignProgram = `
import * as ort from "onnxruntime-node";
const [path, text] = process.argv.slice(1);
const ids = JSON.parse(text);
const session = await ort.InferenceSession.create(path, { logSeverityLevel: 3 });
const int64 = (values) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
const feeds = { input_ids: int64(ids) };
for (const { name, shape } of session.inputMetadata) {
  if (name === "attention_mask") feeds[name] = int64(ids.map(() => 1));
  if (name === "position_ids") feeds[name] = int64(ids.map((_, at) => at));
  if (name.startsWith("past_key_values")) {
    feeds[name] = new ort.Tensor("float32", new Float32Array(), [1, shape[1], 0, shape[3]]);
  }
}
const { logits } = await session.run(feeds);
console.log(JSON.stringify(Array.from(logits.data.slice(-logits.dims.at(-1)))));
`;

const ship = async (index: number) => {
  const model = await loadNano();
  const run = found((await goldenRuns("ioi"))[index]);
  const circuit = circuitOfLists({ heads: run.kept_heads, mlps: run.kept_mlps });
  const replacements = await goldenReplacements(model, "ioi", run);
  const [prompt = []] = await goldenPrompts("ioi", "validation");
  const profile: Profile =
    run.means === "pooled" ? { kind: "decoder" } : { kind: "aligned", length: prompt.length };
  const { directory, standalone } = await shipCircuit(model, circuit, replacements, profile);
  const expected = found((await patchedLogits(runtime, model, circuit, replacements, [prompt]))[0]);
  return { directory, standalone, prompt, expected };
};

describe.each([
  { name: "aligned", index: 0 },
  { name: "decoder", index: 5 },
])("the $name profile", ({ name, index }) => {
  test("gives our logits in ONNX Runtime alone", async () => {
    const { directory, standalone, prompt, expected } = await ship(index);
    const path = join(directory, "onnx", "model.onnx");
    const session = await runtime.loadFile(path);
    const [ours] =
      name === "aligned"
        ? await runAligned(runtime, session, [prompt])
        : await runDecoder(runtime, session, standalone, [prompt]);
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ["--input-type=module", "--eval", foreignProgram, "--", path, JSON.stringify(prompt)],
      { encoding: "utf8" },
    );
    expect(stdout, stderr).not.toBe("");
    const theirs = Float32Array.from(JSON.parse(stdout));
    // The same graph; another number of threads may add up in another order.
    expect(largestDifference(theirs, found(ours))).toBeLessThan(1e-5);
    expect(largestDifference(theirs, expected)).toBeLessThan(1e-4);
  });

  test("has its weights in a safetensors container, and a graph of a few KB of standard operators", async () => {
    const { directory, standalone } = await ship(index);
    const source = await openFileSource(join(directory, "onnx", "model.onnx_data"));
    const { tensors } = await readSafetensorsHeader(source);
    const tokens = found(tensors.find((tensor) => tensor.name === "token_embedding"));
    expect(await readTensor(source, tokens)).toEqual(await standalone.tokenEmbedding.read());
    await source.close();
    const graph = await readFile(join(directory, "onnx", "model.onnx"));
    expect(graph.length).toBeLessThan(40_000);
    expect(graph.includes("com.microsoft")).toBe(false);
  });
});
