/** How many heads the caches of a circuit have: chosen when it is extracted or converted, end to end on nano. */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { env as env4, pipeline as pipeline4 } from "@huggingface/transformers";
import { env as env3, pipeline as pipeline3 } from "transformers-js-3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CircuitFile } from "../src/export/circuit-file.ts";
import { circuitJson, parseCircuitFile } from "../src/export/circuit-json.ts";
import { withDtype } from "../src/export/dtype-graph.ts";
import { prepareConvertedFolder } from "../src/export/write-folder.ts";
import { convertCaches, type WithCaches } from "../src/jobs/convert/convert-caches.ts";
import { openGraph } from "../src/jobs/read-graph.ts";
import { cacheHeadsOf } from "../src/lowering/cache-heads.ts";
import { keptHeads } from "../src/transformer/circuit.ts";
import { runCli, withFolder } from "./support/run-cli.ts";

const folder = withFolder();
afterAll(folder.remove);

/** Ablation by zero, since it needs the fewest runs. Layers keep different numbers of heads. */
const extract = ["extract", "--ablation", "zero", "--no-mlps", "--alpha", "0.05", "--threads", "1"];
const exact = ["--means", "pooled", "--caches", "exact", "--out", "exact"];

beforeAll(async () => {
  expect(await runCli([...extract, ...exact], folder.path)).toMatchObject({ code: 0 });
});

const jsonOf = async (...place: readonly string[]): Promise<unknown> =>
  JSON.parse(await readFile(join(folder.path, ...place), "utf8"));

async function circuitOf(name: string): Promise<CircuitFile> {
  // Changed below, so it has no seal.
  const { files: _, checksum: __, ...circuit } = parseCircuitFile(await jsonOf(name, "circuit.json"));
  return circuit;
}

async function headsOf(name: string): Promise<readonly number[]> {
  const { graph, close } = await openGraph(join(folder.path, name, "onnx", "model.onnx"));
  await close();
  return cacheHeadsOf(graph);
}

test("exact caches have the heads that their layers keep", async () => {
  const { profile, kept: circuit, model } = await circuitOf("exact");
  const kept = model.heads.map((_, layer) => keptHeads(circuit, layer).length);
  const cached = kept.filter((count) => count > 0);
  expect(new Set(cached).size).toBeGreaterThan(1);
  expect(profile).toEqual({ kind: "decoder" });
  expect(await headsOf("exact")).toEqual(cached);
  expect(await jsonOf("exact", "config.json")).toMatchObject({
    n_layer: cached.length,
    n_head: Math.max(...cached),
  });
});

test("converted with uniform caches, and with those that were there", async () => {
  const to = ["convert", "exact", "--threads", "1", "--dtype", "f16", "--out"];
  expect(await runCli([...to, "uniform", "--caches", "uniform"], folder.path)).toMatchObject({ code: 0 });
  expect(await runCli([...to, "narrow"], folder.path)).toMatchObject({ code: 0 });
  const profile = { kind: "decoder", cacheHeads: 6 };
  expect(await jsonOf("uniform", "circuit.json")).toMatchObject({ profile });
  const count = (await headsOf("exact")).length;
  expect(await headsOf("uniform")).toEqual(Array(count).fill(6));
  const sizes = { n_layer: count, n_head: 6, n_embd: 192 };
  expect(await jsonOf("uniform", "config.json")).toMatchObject({ ...sizes, pith: { profile } });
  expect(await headsOf("narrow")).toEqual(await headsOf("exact"));
  expect(await jsonOf("narrow", "config.json")).toEqual(await jsonOf("exact", "config.json"));
}, 180_000);

test.each(["f16", "int8", "int4"] as const)("%s with uniform caches, in transformers.js 3", async (dtype) => {
  const source = { directory: join(folder.path, "exact"), circuit: await circuitOf("exact") };
  const { graph, close } = await openGraph(join(source.directory, "onnx", "model.onnx"));
  const uniform = await convertCaches(source, graph, "uniform");
  const write = async (name: string, { graph: given, circuit, config }: WithCaches) => {
    const place = join(folder.path, name);
    const narrow = withDtype(given, dtype);
    const options = config && { config };
    const prepared = await prepareConvertedFolder(place, source.directory, narrow, options);
    const { metrics } = circuit;
    const bytes = { ...metrics.bytes, circuit: prepared.bytes };
    await prepared.commit({ ...circuit, metrics: { ...metrics, bytes } });
  };
  await write(`${dtype}-uniform`, uniform);
  await write(`${dtype}-exact`, { graph, circuit: source.circuit });
  await close();

  for (const env of [env3, env4]) {
    env.allowRemoteModels = false;
    env.localModelPath = folder.path;
  }
  const options = { dtype: "fp32" } as const;
  const ask = { max_new_tokens: 8 };
  const prompt = "Then, George and Roman went to the";
  const exactText = await (await pipeline4("text-generation", `${dtype}-exact`, options))(prompt, ask);
  const uniformText = await (await pipeline3("text-generation", `${dtype}-uniform`, options))(prompt, ask);
  expect(uniformText).toEqual(exactText);
});

describe("heads that share keys and values", () => {
  const shared = (family: string) => resolve("test/families", family);
  const cut = (family: string, alpha: string, caches: string, out: string) =>
    runCli(
      [
        ...["extract", "--model", shared(family), "--task", join(shared(family), "task.jsonl")],
        ...["--means", "pooled", "--alpha", alpha, "--allow-weak", "--threads", "1"],
        ...["--caches", caches, "--out", out],
      ],
      folder.path,
    );
  const predictionOf = async (circuit: string) => {
    const { code, stdout } = await runCli(
      ["run", circuit, "--prompt", "war the they nine one on s", "--json"],
      folder.path,
    );
    expect(code).toBe(0);
    return JSON.parse(stdout);
  };

  test("exact and uniform, converted into one another", async () => {
    expect(await cut("llama", "0.03", "exact", "grouped")).toMatchObject({ code: 0 });
    // 10 of 18 query heads, of 2 groups a layer: one of the last layer, 3 of both groups, all.
    expect(await jsonOf("grouped", "circuit.json")).toMatchObject({
      profile: { kind: "decoder", headWidth: 8 },
      model: { heads: [6, 6, 6], keyValueHeads: [2, 2, 2] },
    });
    expect(await headsOf("grouped")).toEqual([2, 2, 1]);
    const exact = { num_hidden_layers: 3, num_attention_heads: 6, num_key_value_heads: 2, head_dim: 8 };
    expect(await jsonOf("grouped", "config.json")).toMatchObject({ model_type: "llama", ...exact });

    const original = ["--model", shared("llama"), "--task", join(shared("llama"), "task.jsonl")];
    const to = ["--caches", "uniform", "--dtype", "f16", "--threads", "1", "--out", "grouped-uniform"];
    expect(await runCli(["convert", "grouped", ...original, ...to], folder.path)).toMatchObject({ code: 0 });
    const profile = { kind: "decoder", cacheHeads: 2, headWidth: 8 };
    expect(await jsonOf("grouped-uniform", "circuit.json")).toMatchObject({ profile });
    expect(await headsOf("grouped-uniform")).toEqual([2, 2, 2]);
    expect(await jsonOf("grouped-uniform", "config.json")).toMatchObject({ ...exact, pith: { profile } });
    const [one, other] = [await predictionOf("grouped"), await predictionOf("grouped-uniform")];
    expect(other.predictions[0].id).toBe(one.predictions[0].id);
  });

  test("without any attention left, of heads that are wider than their share", async () => {
    expect(await cut("llama-rope3", "100", "uniform", "nothing")).toMatchObject({ code: 0 });
    expect(await jsonOf("nothing", "circuit.json")).toMatchObject({
      profile: { kind: "decoder", cacheHeads: 2, headWidth: 16 },
      kept: [],
    });
    expect(await headsOf("nothing")).toEqual([2]);
    await predictionOf("nothing");
  });
});

test("a circuit of one prompt length has none", async () => {
  const circuit = await circuitOf("exact");
  const aligned = { ...circuit, profile: { kind: "aligned", length: 15 } } as const;
  const { graph, close } = await openGraph(join(folder.path, "exact", "onnx", "model.onnx"));
  await close();
  const converted = convertCaches({ directory: "aligned", circuit: aligned }, graph, "uniform");
  await expect(converted).rejects.toThrow(/can't be chosen: aligned takes prompts of one length/);
});

test("circuit.json can't say fewer heads than a layer keeps", async () => {
  const place = join(folder.path, "exact", "circuit.json");
  const circuit = await circuitOf("exact");
  const most = Math.max(...(await headsOf("exact")));
  const saying = (cacheHeads: number) =>
    circuitJson({ ...circuit, profile: { kind: "decoder", cacheHeads } });
  expect(() => parseCircuitFile(saying(most - 1), place)).toThrow(
    `"profile.cacheHeads": is ${most - 1}, but a layer keeps ${most} heads`,
  );
  expect(() => parseCircuitFile(saying(most), place)).not.toThrow();
});
