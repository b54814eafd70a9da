import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeSafetensors, rawSafetensors, TINY_CONFIG, tinyTensors } from "../checkpoint/testing.ts";
import { PithError, type PithErrorCode } from "../errors.ts";
import { openCheckpoint } from "./open-checkpoint.ts";

let root = "";
let folders = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "pith-checkpoint-"));
});
afterAll(() => rm(root, { recursive: true }));

/** A folder of these files; values that aren't bytes are written as JSON. */
async function folderOf(files: Record<string, unknown>): Promise<string> {
  const folder = join(root, String(folders++));
  await mkdir(folder);
  for (const [name, content] of Object.entries(files)) {
    const isRaw = content instanceof Uint8Array || typeof content === "string";
    await writeFile(join(folder, name), isRaw ? content : JSON.stringify(content));
  }
  return folder;
}

/** How many file descriptors this process holds in `root`. */
async function openFiles(): Promise<number> {
  const { readlink } = await import("node:fs/promises");
  const descriptors = await readdir("/proc/self/fd");
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  return targets.filter((target) => target.startsWith(root)).length;
}

const tensors = tinyTensors();
const half = Math.floor(tensors.length / 2);
const [A, B] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;
const weightMap = Object.fromEntries(tensors.map(({ name }, index) => [name, index < half ? A : B]));
const sharded = {
  "config.json": TINY_CONFIG,
  "model.safetensors.index.json": { metadata: { total_size: 1 }, weight_map: weightMap },
  [A]: encodeSafetensors(tensors.slice(0, half)),
  [B]: encodeSafetensors(tensors.slice(half)),
};

describe("openCheckpoint", () => {
  test("opens models/nano: 76 tensors, 3,103,104 parameters", async () => {
    const directory = join(import.meta.dirname, "../../models/nano");
    const checkpoint = await openCheckpoint(directory);
    expect(checkpoint.weights.size).toBe(76);
    let parameters = 0;
    for (const weight of checkpoint.weights.values()) parameters += (await weight.read()).length;
    expect(parameters).toBe(3_103_104);
    expect(checkpoint.config).toMatchObject({ layers: 6, heads: 6, width: 192, vocabularySize: 2194 });
    expect(checkpoint.rawConfig).toMatchObject({ n_ctx: 64, torch_dtype: "float16" });
    expect(checkpoint.files).toEqual([{ path: join(directory, "model.safetensors"), size: 6_213_304 }]);
    await checkpoint.close();
    await checkpoint.close();
  });

  test("shards and a single file give the same weights", async () => {
    const single = await openCheckpoint(
      await folderOf({ "config.json": TINY_CONFIG, "model.safetensors": encodeSafetensors(tensors) }),
    );
    const directory = await folderOf(sharded);
    const shards = await openCheckpoint(directory);
    expect(shards.files.map(({ path }) => path)).toEqual([join(directory, A), join(directory, B)]);
    expect([...shards.weights.keys()]).toEqual([...single.weights.keys()]);
    for (const [name, weight] of shards.weights) {
      expect(weight.shape).toEqual(single.weights.get(name)?.shape);
      expect(await weight.read()).toEqual(await single.weights.get(name)?.read());
    }
    await Promise.all([single.close(), shards.close()]);
    expect(await openFiles()).toBe(0);
  });

  test("the single file wins over an index", async () => {
    const directory = await folderOf({ ...sharded, "model.safetensors": encodeSafetensors(tensors) });
    const checkpoint = await openCheckpoint(directory);
    expect(checkpoint.files).toHaveLength(1);
    await checkpoint.close();
  });

  const index = (changes: Record<string, unknown>) => ({
    ...sharded,
    "model.safetensors.index.json": { weight_map: { ...weightMap, ...changes } },
  });
  const without = (files: Record<string, unknown>, name: string) =>
    Object.fromEntries(Object.entries(files).filter(([key]) => key !== name));
  const weights = { "model.safetensors": encodeSafetensors(tensors) };

  test.each<readonly [name: string, files: Record<string, unknown>, code: PithErrorCode, message: string]>([
    ["no config", weights, "config", "the folder has no config.json"],
    ["a config that is no JSON", { ...weights, "config.json": "{" }, "config", "config.json is not JSON"],
    [
      "a config that is a list",
      { ...weights, "config.json": [] },
      "config",
      "config.json is not a JSON object",
    ],
    [
      "no weights",
      { "config.json": TINY_CONFIG },
      "checkpoint",
      "neither model.safetensors nor model.safetensors.index",
    ],
    [
      "pickled weights",
      { "config.json": TINY_CONFIG, "pytorch_model.bin": "x" },
      "checkpoint",
      "Convert it to safetensors",
    ],
    [
      "a lying header",
      { "config.json": TINY_CONFIG, "model.safetensors": rawSafetensors({ w: 1 }) },
      "checkpoint",
      'model.safetensors, tensor "w"',
    ],
    [
      "a missing shard",
      without(sharded, B),
      "checkpoint",
      `names the shard ${B}, which is not in the folder`,
    ],
    [
      "a tensor that is not in its shard",
      index({ extra: A }),
      "checkpoint",
      `tensor "extra": is not in ${A}`,
    ],
    ["a tensor in another shard", index({ "wte.weight": B }), "checkpoint", `puts it in ${B}`],
    [
      "a tensor in two shards",
      { ...sharded, [B]: encodeSafetensors([...tensors.slice(half), ...tensors.slice(0, 1)]) },
      "checkpoint",
      `puts it in ${A}`,
    ],
    [
      "a tensor that the index doesn't list",
      {
        ...sharded,
        [B]: encodeSafetensors([...tensors.slice(half), ...tinyTensors({ unembedding: true }).slice(-1)]),
      },
      "checkpoint",
      "does not list it",
    ],
    [
      "a shard outside the folder",
      index({ w: "../secret.safetensors" }),
      "checkpoint",
      "../secret.safetensors",
    ],
    ["a shard with an absolute path", index({ w: "/etc/x.safetensors" }), "checkpoint", "in the same folder"],
    ["a shard on another drive", index({ w: "C:x.safetensors" }), "checkpoint", "in the same folder"],
    ["a shard that is the folder's parent", index({ w: ".." }), "checkpoint", "in the same folder"],
    ["a shard that is no text", index({ w: 3 }), "checkpoint", 'puts "w" in 3'],
    ["no weight map", { ...sharded, "model.safetensors.index.json": {} }, "checkpoint", "weight_map"],
    [
      "an index that repeats a tensor",
      { ...sharded, "model.safetensors.index.json": '{"a":1,"a":2}' },
      "checkpoint",
      "twice",
    ],
  ])("refuses %s, and leaves no file open", async (_, files, code, message) => {
    const result = openCheckpoint(await folderOf(files));
    await expect(result).rejects.toThrow(PithError);
    await expect(result).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    expect(await openFiles()).toBe(0);
  });

  test("refuses a folder that isn't there, or is a file", async () => {
    await expect(openCheckpoint(join(root, "missing"))).rejects.toThrow("missing: does not exist");
    const folder = await folderOf({ "config.json": TINY_CONFIG });
    await expect(openCheckpoint(join(folder, "config.json"))).rejects.toThrow("Give the folder");
  });
});
