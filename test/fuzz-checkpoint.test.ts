/**
 * Damaged and hostile checkpoints. Whatever the bytes are, a reader either gives tensors that lie within the file,
 * or throws a PithError: never another error, never a read outside the file, never a hang.
 */
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseGpt2Config } from "../src/architectures/gpt2-config.ts";
import { parseConfig, readTransformer } from "../src/architectures/index.ts";
import { openCheckpoint } from "../src/architectures/open-checkpoint.ts";
import { isWeightDtype } from "../src/checkpoint/dtype.ts";
import { readSafetensorsHeader, readTensor } from "../src/checkpoint/safetensors.ts";
import { parseWeightMap, readShards, readSingleFile } from "../src/checkpoint/shards.ts";
import {
  encodeSafetensors,
  memorySource,
  rawSafetensors,
  TINY_CONFIG,
  tinyTensors,
} from "../src/checkpoint/testing.ts";
import { parseJsonObject } from "../src/files/json.ts";
import type { Transformer } from "../src/transformer/transformer.ts";
import { elementCount } from "../src/transformer/weight.ts";
import { damagedBytes, fuzz, guardedSource } from "./support/damaged-bytes.ts";

const RUNS = 2000;
const encode = (text: string) => new TextEncoder().encode(text);

const mask = { name: "h.0.attn.bias", dtype: "BOOL", shape: [1, 1, 5, 5], bytes: new Uint8Array(25) };
const tensors = [...tinyTensors({ dtype: "F16" }), mask, ...tinyTensors({ unembedding: true }).slice(-1)];
const weightsFile = encodeSafetensors(tensors);
const headerLength = Number(new DataView(weightsFile.buffer).getBigUint64(0, true));
const data = weightsFile.slice(8 + headerLength);
const header: Readonly<Record<string, unknown>> = JSON.parse(
  new TextDecoder().decode(weightsFile.subarray(8, 8 + headerLength)),
);

// ── Ways to damage bytes and JSON ──

const nastyValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    "",
    "F32",
    "F16",
    "BF16",
    "F4",
    "I64",
    "__proto__",
    [],
    {},
    [[]],
    -1,
    0,
    -0,
  ),
  fc.constantFrom<unknown>(0.5, 1e9, 1e300, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1e-320),
  fc.array(fc.oneof(fc.nat(64), fc.maxSafeInteger(), fc.double()), { maxLength: 6 }),
  fc.jsonValue({ maxDepth: 3 }),
);
const nastyKey = fc.oneof(
  fc.constantFrom("__proto__", "constructor", "__metadata__", "toString", "", "w".repeat(5000)),
  fc.string(),
);

/** Replaces, adds or removes members of an object, as JSON text, so that "__proto__" can be a member. */
function damagedMembers(
  record: Readonly<Record<string, unknown>>,
  replacement: (key: string, old: unknown) => fc.Arbitrary<unknown>,
): fc.Arbitrary<string> {
  const keys = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...Object.keys(record)) }, nastyKey);
  const change = keys.chain((key) =>
    fc.tuple(fc.constant(key), fc.option(replacement(key, record[key]), { nil: undefined, freq: 8 })),
  );
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    const members = new Map(Object.entries(record));
    for (const [key, value] of changes) {
      if (value === undefined) members.delete(key);
      else members.set(key, value);
    }
    const text = [...members].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    return `{${text.join(",")}}`;
  });
}

/** A tensor's description, damaged in one field, or swapped for another's, or nudged by a few bytes. */
function damagedInfo(_: string, old: unknown): fc.Arbitrary<unknown> {
  const info = typeof old === "object" && old !== null ? old : {};
  const offsets = "data_offsets" in info && Array.isArray(info.data_offsets) ? info.data_offsets : [0, 0];
  const nudge = fc.integer({ min: -8, max: 8 });
  return fc.oneof(
    nastyValue,
    fc.constantFrom(...Object.values(header)),
    fc
      .tuple(fc.constantFrom("dtype", "shape", "data_offsets", "extra"), nastyValue)
      .map(([field, value]) => ({
        ...info,
        [field]: value,
      })),
    fc.tuple(nudge, nudge).map(([a, b]) => ({ ...info, data_offsets: [offsets[0] + a, offsets[1] + b] })),
  );
}

const damagedHeader = damagedMembers(header, damagedInfo).map((text) => rawSafetensors(text, data));
const damagedLength = fc
  .oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(2 * weightsFile.length).map(BigInt))
  .map((length) => {
    const file = weightsFile.slice();
    new DataView(file.buffer).setBigUint64(0, length, true);
    return file;
  });
const damagedFile: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 3, arbitrary: damagedBytes(weightsFile, 8 + headerLength) },
  { weight: 1, arbitrary: damagedBytes(weightsFile, weightsFile.length) },
  { weight: 4, arbitrary: damagedHeader },
  { weight: 1, arbitrary: damagedLength },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
);

const fullConfig = {
  ...TINY_CONFIG,
  activation_function: "gelu_new",
  layer_norm_epsilon: 1e-5,
  scale_attn_weights: true,
  scale_attn_by_inverse_layer_idx: false,
  reorder_and_upcast_attn: false,
  tie_word_embeddings: true,
  add_cross_attention: false,
  task_specific_params: { "text-generation": { do_sample: true } },
};
const configBytes = encode(JSON.stringify(fullConfig));
const hugeNumber = fc.constantFrom(
  4097,
  65_536,
  2 ** 24,
  2 ** 24 + 1,
  1e9,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  1e300,
);
const configValue = fc.oneof(nastyValue, hugeNumber, fc.integer({ min: -2, max: 12 }), fc.boolean());
const damagedConfig: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 3, arbitrary: damagedMembers(fullConfig, () => configValue).map(encode) },
  { weight: 1, arbitrary: damagedBytes(configBytes, configBytes.length) },
);

/** Every number that a scaling of rotary positions can have. */
const everyScaling = {
  ...{ rope_type: "yarn", factor: 4, original_max_position_embeddings: 64, attention_factor: 1, mscale: 1 },
  ...{ mscale_all_dim: 1, beta_fast: 32, beta_slow: 1, truncate: true, low_freq_factor: 1 },
  ...{ high_freq_factor: 4, short_factor: [1], long_factor: [1] },
};
const scalingValue = fc.oneof(
  configValue,
  fc.constantFrom("default", "linear", "dynamic", "llama3", "yarn", "longrope"),
);

/** A family's config, damaged in its fields, in its scaling of rotary positions, or in its bytes. */
function damagedFamilyConfig(intact: Readonly<Record<string, unknown>>): fc.Arbitrary<Uint8Array> {
  const bytes = encode(JSON.stringify(intact));
  const { rope_scaling: _, ...others } = intact;
  const start = JSON.stringify(others).slice(0, -1);
  return fc.oneof(
    { weight: 4, arbitrary: damagedMembers(intact, () => configValue).map(encode) },
    {
      weight: 2,
      arbitrary: damagedMembers(everyScaling, () => scalingValue).map((text) =>
        encode(`${start},"rope_scaling":${text}}`),
      ),
    },
    { weight: 1, arbitrary: damagedBytes(bytes, bytes.length) },
  );
}

async function openAndClose(folder: string): Promise<Transformer> {
  const checkpoint = await openCheckpoint(folder);
  try {
    return await readTransformer(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

// ── What the readers must survive ──

describe("damaged checkpoints", () => {
  test("safetensors files", async () => {
    await fuzz(damagedFile, RUNS, async (file) => {
      const source = guardedSource("fuzz.safetensors", file);
      const { tensors: entries, dataStart } = await readSafetensorsHeader(source);
      let position = dataStart;
      for (const entry of entries) {
        expect(entry.begin).toBe(position);
        position = entry.end;
        if (!isWeightDtype(entry.dtype)) continue;
        const values = await readTensor(source, entry);
        expect(values.length).toBe(elementCount(entry.shape));
        expect(values.length * (entry.dtype === "F32" ? 4 : 2)).toBe(entry.end - entry.begin);
      }
      expect(position).toBe(file.length);
    });
  });

  test("config.json, alone and against the weights", async () => {
    await fuzz(damagedConfig, RUNS, async (bytes) => {
      const weights = await readSingleFile(guardedSource("fuzz.safetensors", weightsFile));
      const raw = parseJsonObject(bytes, "config", { file: "config.json" }, "config.json");
      const config = parseGpt2Config(raw, "config.json");
      expect(config.width % config.heads).toBe(0);
      expect(config.layers).toBeLessThanOrEqual(4096);
      const model = await readTransformer({ directory: "fuzz", config, weights });
      expect(model.blocks).toHaveLength(2);
      const query = model.blocks[0]?.attention?.query.weight;
      expect(await query?.read()).toHaveLength(16);
    });
  });

  test("config.json of every family, alone and against the weights", async () => {
    const folders = (await readdir("test/families", { withFileTypes: true })).filter((entry) =>
      entry.isDirectory(),
    );
    for (const { name } of folders) {
      const folder = join("test/families", name);
      const intact = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
      const file = await readFile(join(folder, "model.safetensors"));
      const layers = (await openAndClose(folder)).blocks.length;
      await fuzz(damagedFamilyConfig(intact), Math.ceil(5000 / folders.length), async (bytes) => {
        const raw = parseJsonObject(bytes, "config", { file: "config.json" }, "config.json");
        const config = parseConfig(raw, "config.json");
        expect(config.layers).toBeLessThanOrEqual(4096);
        expect(config.contextLength).toBeLessThanOrEqual(2 ** 24);
        // Names and shapes alone are asked for here; tied embeddings may be read whole, to be compared.
        const weights = await readSingleFile(memorySource("fuzz.safetensors", file));
        const model = await readTransformer({ directory: "fuzz", config, weights });
        expect(model.blocks).toHaveLength(layers);
      });
    }
  });

  test("safetensors files against a config", async () => {
    const config = parseConfig(TINY_CONFIG, "config.json");
    await fuzz(damagedFile, RUNS, async (file) => {
      const weights = await readSingleFile(guardedSource("fuzz.safetensors", file));
      const model = await readTransformer({ directory: "fuzz", config, weights });
      expect(await model.blocks[1]?.attention?.value.weight.read()).toHaveLength(16);
      expect(await model.unembedding.read()).toHaveLength(28);
    });
  });

  test("indices of shards", async () => {
    const shards = { "a.safetensors": tensors.slice(0, 9), "b.safetensors": tensors.slice(9) };
    const files = Object.entries(shards).map(([name, list]) => [name, encodeSafetensors(list)] as const);
    const weightMap = Object.fromEntries(
      Object.entries(shards).flatMap(([shard, list]) => list.map(({ name }) => [name, shard])),
    );
    const shardName = fc.oneof(
      nastyValue,
      fc.constantFrom("a.safetensors", "b.safetensors", "../a.safetensors"),
    );
    const damagedMap = damagedMembers(weightMap, () => shardName).map((text) =>
      encode(`{"weight_map":${text}}`),
    );
    const intact = encode(JSON.stringify({ metadata: { total_size: 1 }, weight_map: weightMap }));
    await fuzz(fc.oneof(damagedMap, damagedBytes(intact, intact.length)), RUNS / 2, async (bytes) => {
      const index = parseJsonObject(bytes, "checkpoint", { file: "index.json" }, "index.json");
      const map = parseWeightMap(index, "index.json");
      for (const shard of map.values()) expect(shard).toMatch(/^[^/\\]+\.safetensors$/);
      const sources = new Map(files.map(([name, file]) => [name, guardedSource(name, file)]));
      const weights = await readShards(sources, map, "index.json");
      expect([...weights.keys()].sort()).toEqual(tensors.map(({ name }) => name).sort());
    });
  });
});

describe("damaged folders on disk", () => {
  let root = "";
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "pith-fuzz-"));
  });
  afterAll(() => rm(root, { recursive: true }));

  test("open or are refused, and no file stays open", async () => {
    const parts = fc.tuple(
      fc.option(damagedConfig, { nil: configBytes, freq: 2 }),
      fc.option(damagedFile, { nil: weightsFile, freq: 2 }),
    );
    let folders = 0;
    await fuzz(parts, 200, async ([config, weights]) => {
      const folder = join(root, String(folders++));
      await mkdir(folder);
      await writeFile(join(folder, "config.json"), config);
      await writeFile(join(folder, "model.safetensors"), weights);
      const checkpoint = await openCheckpoint(folder);
      try {
        expect(await (await readTransformer(checkpoint)).tokenEmbedding.read()).toHaveLength(28);
      } finally {
        await checkpoint.close();
      }
    });
    if (process.platform === "linux") {
      const descriptors = await readdir("/proc/self/fd");
      const targets = await Promise.all(
        descriptors.map((fd) => readlink(join("/proc/self/fd", fd)).catch(() => "")),
      );
      expect(targets.filter((target) => target.startsWith(root))).toEqual([]);
    }
  });
});
