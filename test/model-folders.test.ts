/**
 * Model folders as they are in the wild, each with a tiny model beside it: what their files say of the tokenizer,
 * and the ids that transformers 5.24 (AutoTokenizer) gives for the same folder.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AutoTokenizer, env } from "@huggingface/transformers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeSafetensors, floatTensor, TINY_CONFIG, tinyTensors } from "../src/checkpoint/testing.ts";
import { shippedTokenizer } from "../src/export/shipped-tokenizer.ts";
import { loadModel, type Model } from "../src/index.ts";
import { specialTokens } from "../src/jobs/load-model.ts";
import { loadTokenizer } from "../src/tokenizer/load-tokenizer.ts";

let root: string;
let vocabulary: string;
let merges: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "pith-folders-"));
  [vocabulary, merges] = (await Promise.all(
    ["vocab.json", "merges.txt"].map((name) => readFile(join("models/nano", name), "utf8")),
  )) as [string, string];
});
afterAll(() => rm(root, { recursive: true }));

type Files = Readonly<Record<string, unknown>>;

/** A folder with a model of `rows` ids; files that are no text are written as JSON. */
async function folder(name: string, rows: number, files: Files, config: Files = {}): Promise<string> {
  const path = join(root, name);
  await mkdir(path);
  const embedding = floatTensor("wte.weight", "F32", [rows, 4], new Array(4 * rows).fill(0.5));
  const tensors = [embedding, ...tinyTensors().filter((tensor) => tensor.name !== "wte.weight")];
  await writeFile(join(path, "model.safetensors"), encodeSafetensors(tensors));
  const { bos_token_id: _, eos_token_id: __, ...tiny } = TINY_CONFIG;
  const all = { "config.json": { ...tiny, vocab_size: rows, ...config }, ...files };
  for (const [file, value] of Object.entries(all)) {
    await writeFile(join(path, file), typeof value === "string" ? value : JSON.stringify(value));
  }
  return path;
}

async function withModel<T>(path: string, use: (model: Model) => T): Promise<T> {
  const model = await loadModel(path);
  try {
    return use(model);
  } finally {
    await model.close();
  }
}

/** What a circuit of this model carries, read by transformers.js. */
async function shipped(model: Model, name: string) {
  const path = join(root, name);
  await mkdir(path);
  for (const [file, value] of Object.entries(shippedTokenizer(model.tokenizer.files))) {
    await writeFile(join(path, file), JSON.stringify(value));
  }
  env.allowRemoteModels = false;
  env.localModelPath = root;
  return {
    theirs: await AutoTokenizer.from_pretrained(name, { local_files_only: true }),
    ours: await loadTokenizer(path),
  };
}

describe("GPT-2's dialogue layout: added_tokens.json and special_tokens_map.json, no tokenizer_config.json", () => {
  const files = {
    "added_tokens.json": {
      "<bos>": 2194,
      "<eos>": 2195,
      "<pad>": 2196,
      "<speaker1>": 2197,
      "<speaker2>": 2198,
    },
    "special_tokens_map.json": {
      bos_token: "<bos>",
      eos_token: "<eos>",
      additional_special_tokens: ["<speaker1>", "<speaker2>"],
      pad_token: "<pad>",
    },
  };
  const text = "<bos><speaker1>Mary and<pad> x <eos>";
  const ids = [2194, 2197, 2153, 428, 2196, 32, 120, 32, 2195];

  test("the start token is <bos>, and a circuit carries all names", async () => {
    const path = await folder("dialogue", 2199, { ...files, "vocab.json": vocabulary, "merges.txt": merges });
    const model = await loadModel(path);
    expect(model.tokenizer.endOfTextId).toBe(2194);
    expect(model.tokenizer.encode(text)).toEqual(ids);
    expect(specialTokens(model)).toEqual({ bos: undefined, eos: [2195] });
    const { theirs, ours } = await shipped(model, "dialogue-shipped");
    await model.close();
    expect(theirs.encode(text, { add_special_tokens: false })).toEqual(ids);
    expect([theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id]).toEqual([2194, 2195, 2196]);
    expect([ours.encode(text), ours.endOfTextId]).toEqual([ids, 2194]);
  });
});

describe("added tokens that stand only in tokenizer_config.json", () => {
  const token = (content: string, flags: Files = {}) => ({
    content,
    ...{ lstrip: false, normalized: false, rstrip: false, single_word: false, special: true },
    ...flags,
  });

  test("beside vocab.json and merges.txt, with all their flags", async () => {
    const config = {
      tokenizer_class: "GPT2Tokenizer",
      added_tokens_decoder: {
        2193: token("<|endoftext|>", { normalized: true }),
        2194: token("<mask>", { lstrip: true }),
        2195: token("tokA", { normalized: true, single_word: true, special: false }),
        2196: token("tokAB", { normalized: true, special: false }),
        2197: token("[R]", { rstrip: true }),
      },
    };
    const path = await folder("flags", 2198, {
      ...{ "vocab.json": vocabulary, "merges.txt": merges, "tokenizer_config.json": config },
    });
    await withModel(path, ({ tokenizer }) => {
      expect(tokenizer.vocabularySize).toBe(2198);
      expect(tokenizer.encode("a <mask> b")).toEqual([97, 2194, 410]);
      expect(tokenizer.encode("tokA tokAB tokAx xtokA.tokA")).toEqual([
        ...[2195, 32, 2196, 641, 65, 120, 32, 742, 477, 65, 46, 2195],
      ]);
      expect(tokenizer.encode("[R]  [R] a")).toEqual([2197, 2197, 97]);
      expect(tokenizer.encode("<|endoftext|> <mask>tokAB")).toEqual([2193, 2194, 2196]);
    });
  });

  test("beside a tokenizer.json without them", async () => {
    const { files } = await loadTokenizer("models/nano");
    const config = {
      ...{ tokenizer_class: "GPT2Tokenizer", bos_token: "<|endoftext|>", eos_token: "<|endoftext|>" },
      added_tokens_decoder: {
        2193: token("<|endoftext|>"),
        2194: token("<sep>"),
        2195: token("<cls>"),
      },
      additional_special_tokens: ["<sep>", "<cls>"],
    };
    const path = await folder("decoder", 2196, {
      ...{ "tokenizer.json": files["tokenizer.json"], "tokenizer_config.json": config },
    });
    const model = await loadModel(path);
    const ids = [97, 2194, 98, 32, 2195, 432];
    expect(model.tokenizer.encode("a<sep>b <cls> c")).toEqual(ids);
    const { theirs, ours } = await shipped(model, "decoder-shipped");
    await model.close();
    expect(theirs.encode("a<sep>b <cls> c", { add_special_tokens: false })).toEqual(ids);
    expect(ours.encode("a<sep>b <cls> c")).toEqual(ids);
  });
});

test("the tokenizer of the quick tour keeps words with accents whole", async () => {
  const path = await folder("quick-tour", 129, {
    "tokenizer.json": await readFile("test/cases/quick-tour-tokenizer.json", "utf8"),
    "tokenizer_config.json": {
      tokenizer_class: "PreTrainedTokenizerFast",
      bos_token: "[BOS]",
      unk_token: "[UNK]",
    },
  });
  await withModel(path, ({ tokenizer }) => {
    expect(tokenizer.encode("Zürich España")).toEqual([117, 126]);
    expect(tokenizer.encode("Zürich\ufeffEspaña")).toEqual([117, 0, 126]);
    expect(tokenizer.encode("[BOS]Zürich, España!")).toEqual([2, 117, 0, 126, 0]);
    expect(tokenizer.endOfTextId).toBe(2);
  });
});

describe("ids in config.json", () => {
  const files = () => ({ "vocab.json": vocabulary, "merges.txt": merges });

  test("that no token has do not stop a model, and are not shipped", async () => {
    const path = await folder("defaults", 2194, files(), { bos_token_id: 50_256, eos_token_id: 50_256 });
    await withModel(path, (model) => {
      expect(model.tokenizer.endOfTextId).toBe(2193);
      expect(specialTokens(model)).toEqual({ bos: undefined, eos: [2193] });
    });
  });

  test("name a start token that no other file names", async () => {
    const tokenizer = JSON.parse(await readFile("test/cases/quick-tour-tokenizer.json", "utf8"));
    const config = { tokenizer_class: "PreTrainedTokenizerFast" };
    const path = await folder(
      "named by id",
      129,
      { "tokenizer.json": tokenizer, "tokenizer_config.json": config },
      { bos_token_id: 2 },
    );
    await withModel(path, (model) => expect(model.tokenizer.endOfTextId).toBe(2));
  });
});
