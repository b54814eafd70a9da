/** How folders come to be and are read back: whole or not at all, and every lie found. */

import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { cutCircuit } from "../src/cut/cut-circuit.ts";
import { PithError } from "../src/errors.ts";
import type { CircuitFile } from "../src/export/circuit-file.ts";
import type { CircuitJson } from "../src/export/circuit-format-2.ts";
import { circuitJson, formatCircuitFile, parseCircuitFile } from "../src/export/circuit-json.ts";
import { modelCard } from "../src/export/model-card.ts";
import { readCircuitFolder } from "../src/export/read-folder.ts";
import { checkCircuitFolder, prepareCircuitFolder } from "../src/export/write-folder.ts";
import { writeBytes } from "../src/files/write-file.ts";
import { type Circuit, circuitOfLists } from "../src/transformer/circuit.ts";
import type { Transformer } from "../src/transformer/transformer.ts";
import { constantWeight } from "../src/transformer/weight.ts";
import { changeCircuit } from "./support/change-circuit.ts";
import {
  circuitFile,
  goldenReplacements,
  loadNano,
  nanoTokenizer,
  shipCircuit,
  temporaryFolder,
} from "./support/export-circuit.ts";
import { found } from "./support/run-model.ts";

const circuit: Circuit = circuitOfLists({
  heads: [
    [0, 1],
    [5, 4],
  ],
  mlps: [0, 5],
});
const profile = { kind: "decoder" } as const;
const zero = { ablation: "zero", means: "pooled", bos: false } as const;

const contents = async () => {
  const model = await loadNano();
  const standalone = await cutCircuit(model, circuit, await goldenReplacements(model, "ioi", zero));
  const { files } = await nanoTokenizer();
  return { model: standalone, profile, tokenizer: files, specialTokens: { bos: 2193, eos: [2193] } };
};
const ship = async (directory?: string, force = false) => {
  const model = await loadNano();
  return shipCircuit(model, circuit, await goldenReplacements(model, "ioi", zero), profile, directory, {
    force,
  });
};
const commitFile = async (bytes: number): Promise<CircuitFile> =>
  circuitFile(await loadNano(), (await contents()).model, circuit, profile, bytes);

const failure = async (action: Promise<unknown>): Promise<PithError> => {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof PithError) return error;
  throw new Error(`expected a PithError, got ${String(error)}`);
};

describe("a folder", () => {
  test("lies under another name until it is committed, and is then all there", async () => {
    const parent = await temporaryFolder();
    const directory = join(parent, "deep", "circuit");
    const prepared = await prepareCircuitFolder(directory, await contents());
    expect(await readdir(dirname(directory))).toEqual([`.circuit.partial-${process.pid}`]);
    expect((await stat(prepared.modelPath)).isFile()).toBe(true);
    await prepared.commit(await commitFile(prepared.bytes));
    await prepared.discard();
    expect(await readdir(dirname(directory))).toEqual(["circuit"]);
    expect((await readdir(directory)).sort()).toEqual([
      "README.md",
      "circuit.json",
      "config.json",
      "generation_config.json",
      "onnx",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    expect((await readdir(join(directory, "onnx"))).sort()).toEqual(["model.onnx", "model.onnx_data"]);
    const folder = await readCircuitFolder(directory);
    const { files: _, checksum: __, structure, ...facts } = folder.circuit;
    expect(structure?.blocks).toHaveLength(6);
    expect(facts).toEqual(await commitFile(prepared.bytes));
    expect(folder.tokenizer.encode(" Mary")).toEqual((await nanoTokenizer()).encode(" Mary"));
  });

  test("that exists is refused, at once and before anything is written, unless forced", async () => {
    const { directory } = await ship();
    const before = await stat(join(directory, "circuit.json"));
    const error = await failure(ship(directory));
    expect(error).toMatchObject({ code: "output", place: { file: directory } });
    expect(error.message).toContain("exists already");
    expect((await failure(checkCircuitFolder(directory))).code).toBe("output");
    expect(await readdir(dirname(directory))).toEqual([basename(directory)]);

    await writeFile(join(directory, "mine.txt"), "goes with the old one");
    await ship(directory, true);
    expect(await readdir(dirname(directory))).toEqual([basename(directory)]);
    expect(await readdir(directory)).not.toContain("mine.txt");
    expect((await stat(join(directory, "circuit.json"))).ino).not.toBe(before.ino);
  });

  test("that is no circuit's is not replaced even by force; an empty one is", async () => {
    const directory = join(await temporaryFolder(), "home");
    await mkdir(directory);
    expect((await failure(checkCircuitFolder(directory))).message).toContain("exists already");
    await checkCircuitFolder(directory, { force: true });
    await writeFile(join(directory, "thesis.tex"), "years of work");
    expect((await failure(ship(directory, true))).message).toContain("is no circuit folder");
    expect(await readFile(join(directory, "thesis.tex"), "utf8")).toBe("years of work");
  });

  test("can't take the place of a file, of a link, or below a file", async () => {
    const parent = await temporaryFolder();
    await writeFile(join(parent, "file"), "");
    await symlink(parent, join(parent, "link"));
    for (const place of ["file", "link", join("file", "below")]) {
      expect((await failure(ship(join(parent, place), true))).code).toBe("output");
    }
    expect((await readdir(parent)).sort()).toEqual(["file", "link"]);
  });

  test("leaves nothing behind when it is discarded, refused, aborted, or its weights can't be read", async () => {
    const parent = await temporaryFolder();
    const directory = join(parent, "circuit");
    await (await prepareCircuitFolder(directory, await contents())).discard();
    expect(await readdir(parent)).toEqual([]);

    const refused = await prepareCircuitFolder(directory, await contents());
    const elsewhere = circuitOfLists({ heads: [[9, 9]], mlps: [] });
    const lie = { ...(await commitFile(refused.bytes)), kept: elsewhere };
    expect(await failure(refused.commit(lie))).toMatchObject({
      code: "circuit",
      place: { field: "kept[0].layer" },
    });
    expect(await readdir(parent)).toEqual([]);

    const abort = new AbortController();
    const options = { signal: abort.signal, onProgress: () => abort.abort() };
    await expect(prepareCircuitFolder(directory, await contents(), options)).rejects.toThrow(/abort/i);
    expect(await readdir(parent)).toEqual([]);

    const whole = await contents();
    const broken = {
      ...whole.model.tokenEmbedding,
      read: () => Promise.reject(new Error("the disk is gone")),
    };
    const model = { ...whole.model, tokenEmbedding: broken, unembedding: broken };
    await expect(prepareCircuitFolder(directory, { ...whole, model })).rejects.toThrow("the disk is gone");
    expect(await readdir(parent)).toEqual([]);
  });

  test("can't be prepared twice at once by one process", async () => {
    const directory = join(await temporaryFolder(), "circuit");
    const first = await prepareCircuitFolder(directory, await contents());
    const error = await failure(prepareCircuitFolder(directory, await contents()));
    expect(error.message).toContain("being written by this process");
    await first.commit(await commitFile(first.bytes));
    await readCircuitFolder(directory);
  });

  test("clears away what dead processes left, brings back what one had moved, and spares the living", async () => {
    const parent = await temporaryFolder();
    const directory = join(parent, "circuit");
    const dead = found(spawnSync(process.execPath, ["--eval", ""]).pid);
    const alive = process.ppid;
    await mkdir(join(parent, `.circuit.partial-${dead}`, "onnx"), { recursive: true });
    await mkdir(join(parent, `.circuit.partial-${alive}`));
    await mkdir(join(parent, ".other.partial-1"));
    await mkdir(join(parent, ".circuit.partial-notes"));
    await mkdir(join(parent, `.circuit.replaced-${dead}`));
    await writeFile(join(parent, `.circuit.replaced-${dead}`, "circuit.json"), "{}");
    await (await prepareCircuitFolder(directory, await contents())).discard();
    expect((await readdir(parent)).sort()).toEqual(
      [".circuit.partial-notes", `.circuit.partial-${alive}`, ".other.partial-1", "circuit"].sort(),
    );
    expect(await readdir(directory)).toEqual(["circuit.json"]);
  });
});

/** A disk of 1 MiB, where the machine lets us have one. */
const smallDisk = await (async () => {
  const place = await temporaryFolder();
  return spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", place]).status === 0
    ? place
    : undefined;
})();
afterAll(() => {
  if (smallDisk !== undefined) spawnSync("umount", [smallDisk]);
});

describe("a full disk", () => {
  test.skipIf(smallDisk === undefined)("is said, and leaves nothing", async () => {
    const error = await failure(ship(join(found(smallDisk), "circuit")));
    expect(error).toMatchObject({ code: "output" });
    expect(error.message).toMatch(/model\.onnx_data: the disk is full: this file needs \d+ bytes/);
    expect(await readdir(found(smallDisk))).toEqual([]);
  });

  test("is said for small files too", async () => {
    const error = await failure(writeBytes("/dev/full", new Uint8Array(10)));
    expect(error).toMatchObject({ code: "output", place: { file: "/dev/full" } });
    expect(error.message).toContain("the disk is full: this file needs 10 bytes");
  });
});

describe("a folder that lies", () => {
  const spoiled = async (spoil: (directory: string) => Promise<unknown>): Promise<PithError> => {
    const { directory } = await ship();
    await spoil(directory);
    return failure(readCircuitFolder(directory));
  };
  const rewrite = (change: (file: CircuitJson) => object) => (directory: string) =>
    changeCircuit(directory, change);

  test.each<[string, (directory: string) => Promise<unknown>, RegExp]>([
    ["is not there", (at) => rm(at, { recursive: true }), /does not exist/],
    ["has no circuit.json", (at) => rm(join(at, "circuit.json")), /has no circuit\.json/],
    [
      "has a folder for it",
      async (at) => {
        await rm(join(at, "circuit.json"));
        await mkdir(join(at, "circuit.json"));
      },
      /is not a file/,
    ],
    ["has no JSON in it", (at) => writeFile(join(at, "circuit.json"), "{"), /is not JSON/],
    ["has no weights", (at) => rm(join(at, "onnx", "model.onnx_data")), /model\.onnx_data: is missing/],
    ["has no graph", (at) => rm(join(at, "onnx", "model.onnx")), /model\.onnx: is missing/],
    [
      "has weights that were cut off",
      (at) => truncate(join(at, "onnx", "model.onnx_data"), 5000),
      /has 5000 bytes/,
    ],
    [
      "has other bytes for weights",
      async (at) => {
        const path = join(at, "onnx", "model.onnx_data");
        await writeFile(path, new Uint8Array((await stat(path)).size));
      },
      /model\.onnx_data: /,
    ],
    [
      "counts otherwise",
      rewrite((file) => {
        const { original } = file.metrics.parameters;
        return { ...file, metrics: { ...file.metrics, parameters: { original, circuit: original } } };
      }),
      /holds \d+ numbers, but circuit\.json counts 3103104/,
    ],
    [
      "has another model's tokenizer",
      rewrite((file) => ({ ...file, model: { ...file.model, vocabulary: 100 } })),
      /"model\.vocabulary": says 100/,
    ],
  ])("%s", async (_, spoil, message) => {
    const error = await spoiled(spoil);
    expect(error.code).toBe("circuit");
    expect(error.message).toMatch(message);
  });

  test("has no tokenizer", async () => {
    expect((await spoiled((at) => rm(join(at, "tokenizer.json")))).code).toBe("tokenizer");
  });
});

describe("circuit.json", async () => {
  const valid = await commitFile(100);
  const json = circuitJson(valid);
  const trace = [
    { layer: 5, component: "head.4", kl: 0.2, delta: 0.2, pruned: false },
    { layer: 5, component: "head.3", kl: 0.01, delta: 0.01, pruned: true },
    { layer: 5, component: "mlp", kl: 0.3, delta: 0.29, pruned: false },
  ];

  test("is what was written, a line a decision", () => {
    const searched = { ...valid, search: { ...valid.search, trace } };
    const text = formatCircuitFile(searched);
    expect(parseCircuitFile(JSON.parse(text))).toEqual(searched);
    expect(text).toContain('\n      {"layer":5,"component":"head.4","kl":0.2,"delta":0.2,"pruned":false},\n');
    expect(text).toContain(
      '\n  "kept": [\n    {"layer":0,"heads":"1","mlp":true},\n    {"layer":5,"heads":"4","mlp":true}\n  ],\n',
    );
  });

  test("may say more than is known here", () => {
    expect(parseCircuitFile({ ...json, comment: "mine" })).toEqual(valid);
  });

  test("says how pooled means treat the first position, and what decided it", () => {
    const pooled = { ablation: "mean", means: "pooled" } as const;
    for (const replacement of [
      { ...pooled, firstPosition: "apart", sink: { layer: 4, ratio: 12.5 } },
      { ...pooled, firstPosition: "same", sink: { layer: 0, ratio: 0 } },
      { ...pooled, firstPosition: "apart" },
      pooled,
    ] as const) {
      const file = { ...valid, replacement };
      const text = formatCircuitFile(file);
      expect(parseCircuitFile(JSON.parse(text))).toEqual(file);
      expect(JSON.parse(text).replacement).toEqual(replacement);
    }
  });

  const replacement = (change: object) => ({
    replacement: { ablation: "mean", means: "pooled", ...change },
  });
  const search = (change: object) => ({ search: { ...valid.search, ...change } });
  test.each<[string, unknown, string]>([
    ["another format", { format: "pith.circuit/9" }, "format"],
    ["nothing of what is kept", { kept: undefined }, "kept"],
    ["a layer twice", { kept: [{ layer: 0 }, { layer: 0, mlp: true }] }, "kept[1].layer"],
    ["layers out of order", { kept: [{ layer: 1 }, { layer: 0 }] }, "kept[1].layer"],
    ["a layer that is none of the model's", { kept: [{ layer: 6, heads: "0" }] }, "kept[0].layer"],
    ["a head beyond the layer's", { kept: [{ layer: 0, heads: "2-6" }] }, "kept[0].heads"],
    ["a head twice", { kept: [{ layer: 0, heads: "1-2, 2" }] }, "kept[0].heads"],
    ["half a head", { kept: [{ layer: 0, heads: "0.5" }] }, "kept[0].heads"],
    ["a kind of component that is not known", { kept: [{ layer: 0, experts: "1" }] }, "kept[0]"],
    [
      "more heads than any model has",
      { model: { ...valid.model, heads: [1e9, 6, 6, 6, 6, 6] } },
      "model.heads",
    ],
    [
      "an unknown component",
      search({ trace: [{ ...trace[0], component: "expert.1" }] }),
      "search.trace[0].component",
    ],
    ["a decision on no head", search({ trace: [{ ...trace[0], component: "head.7" }] }), "search.trace[0]"],
    ["a decision twice", search({ trace: [trace[0], trace[0]] }), "search.trace[1]"],
    [
      "a kept head that the trace prunes",
      search({ trace: [{ ...trace[0], pruned: true }] }),
      "search.trace[0]",
    ],
    [
      "a pruned head that the trace keeps",
      search({ trace: [{ ...trace[1], pruned: false }] }),
      "search.trace[0]",
    ],
    ["a KL that is no number", search({ trace: [{ ...trace[0], kl: null }] }), "search.trace[0].kl"],
    ["an α of nothing", search({ options: { alpha: 0 } }), "search.options.alpha"],
    ["an option of no search", search({ options: { alpha: 1, beta: 1 } }), "search.options"],
    [
      "a treatment of the first position that is none",
      replacement({ firstPosition: "auto" }),
      "replacement.firstPosition",
    ],
    [
      "aligned means of a first position apart",
      replacement({ means: "aligned", firstPosition: "apart" }),
      "replacement.firstPosition",
    ],
    [
      "zeros of a first position apart",
      replacement({ ablation: "zero", firstPosition: "apart" }),
      "replacement.firstPosition",
    ],
    ["a sink that decides nothing", replacement({ sink: { layer: 0, ratio: 12 } }), "replacement.sink"],
    [
      "a sink of half a layer",
      replacement({ firstPosition: "apart", sink: { layer: 0.5, ratio: 12 } }),
      "replacement.sink.layer",
    ],
    [
      "a sink without a ratio",
      replacement({ firstPosition: "apart", sink: { layer: 0 } }),
      "replacement.sink.ratio",
    ],
    [
      "a sink of a negative ratio",
      replacement({ firstPosition: "apart", sink: { layer: 0, ratio: -1 } }),
      "replacement.sink.ratio",
    ],
    ["an aligned profile without length", { profile: { kind: "aligned" } }, "profile.length"],
    ["a hash that is none", { task: { ...valid.task, sha256: "abc" } }, "task.sha256"],
    ["layers that differ in number", { model: { ...valid.model, heads: [6] } }, "model.heads"],
  ])("with %s is refused by field", (_, change, field) => {
    const value: unknown = JSON.parse(JSON.stringify({ ...json, ...(change as object) }));
    expect(() => parseCircuitFile(value, "x/circuit.json")).toThrow(
      expect.objectContaining({ code: "circuit", place: { file: "x/circuit.json", field } }),
    );
  });

  test("of anything at all is parsed or refused, never a crash", () => {
    const keys = Object.keys(json);
    const mutated = fc
      .tuple(fc.constantFrom(...keys), fc.jsonValue())
      .map(([key, value]) => ({ ...json, [key]: value }));
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), mutated), (value) => {
        try {
          expect(circuitJson(parseCircuitFile(value))).toMatchObject({ format: "pith.circuit/2" });
        } catch (error) {
          expect(error).toMatchObject({ code: "circuit" });
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("names nothing in the model card that Markdown or YAML could run away with", () => {
    const name = '*a* | "b" # [c](d)\n---\n<script>';
    const card = modelCard({ ...valid, model: { ...valid.model, name } });
    expect(card).not.toContain("<script>\n");
    expect(card.split("\n---\n")[0]).toContain(`base_model: ${JSON.stringify(name)}`);
    expect(card).toContain("layer 5  · · · · 4 ·  MLP");
    expect(card).toContain("layer 1  · · · · · ·  ·");
  });
});

test("a model of one token and one number ships", async () => {
  const model = await loadNano();
  const scalar = (name: string) => constantWeight(name, [1, 1], Float32Array.of(2));
  const vector = (name: string) => constantWeight(name, [1], Float32Array.of(1));
  const tiny: Transformer = {
    ...model,
    width: 1,
    vocabularySize: 1,
    contextLength: 1,
    tokenEmbedding: scalar("t"),
    unembedding: scalar("u"),
    positions: { kind: "learned", table: scalar("p") },
    blocks: [],
    finalNorm: { kind: "layer", scale: vector("s"), shift: vector("b"), epsilon: 1e-5 },
  };
  const directory = join(await temporaryFolder(), "circuit");
  const { files } = await nanoTokenizer();
  const folder = { model: tiny, profile, tokenizer: files, specialTokens: { bos: undefined, eos: [] } };
  const prepared = await prepareCircuitFolder(directory, folder);
  const config = JSON.parse(await readFile(join(prepared.directory, "config.json"), "utf8"));
  expect(config).toMatchObject({ n_layer: 0, n_head: 1, n_embd: 1, pith: { profile, blocks: [] } });
  await prepared.discard();
});
