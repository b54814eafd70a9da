import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AutoTokenizer, env } from "@huggingface/transformers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { loadTokenizer } from "./load-tokenizer.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "pith-tokenizer-"));
});
afterAll(() => rm(root, { recursive: true }));

async function folder(name: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const path = join(root, name);
  await mkdir(path);
  for (const [file, contents] of Object.entries(files)) await writeFile(join(path, file), contents);
  return path;
}

describe("loadTokenizer", () => {
  const vocabulary = '{"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3}';

  test("from vocab.json and merges.txt, with a BOM and Windows line ends", async () => {
    const path = await folder("crlf", {
      "vocab.json": `\uFEFF${vocabulary}`,
      "merges.txt": "\uFEFF#version: 0.2\r\na b\r\n\r\n",
    });
    const tokenizer = await loadTokenizer(path);
    expect(tokenizer.encode("abba<|endoftext|>")).toEqual([2, 1, 0, 3]);
    expect(tokenizer.endOfTextId).toBe(3);
  });

  test("tokenizer.json comes first, and tokenizer_config.json says the start token", async () => {
    const path = await folder("json", {
      "tokenizer.json": '{"model": {"vocab": {"x": 0, "y": 1}, "merges": []}}',
      "tokenizer_config.json": '{"bos_token": "y"}',
      "vocab.json": "not looked at",
    });
    const tokenizer = await loadTokenizer(path);
    expect(tokenizer.encode("x")).toEqual([0]);
    expect(tokenizer.endOfTextId).toBe(1);
  });

  test("added_tokens.json extends vocab.json", async () => {
    const path = await folder("added", {
      "vocab.json": vocabulary,
      "merges.txt": "a b",
      "added_tokens.json": '{"<|im_start|>": 4}',
    });
    const tokenizer = await loadTokenizer(path);
    expect(tokenizer.encode("ab<|im_start|>a")).toEqual([2, 4, 0]);
    expect(tokenizer.vocabularySize).toBe(5);
  });

  test("what is written for others gives transformers.js the same ids and texts", async () => {
    const ours = await loadTokenizer("models/nano");
    const files = Object.entries(ours.files).map(([name, value]) => [name, JSON.stringify(value)]);
    await folder("shipped", Object.fromEntries(files));
    env.allowRemoteModels = false;
    env.localModelPath = root;
    const theirs = await AutoTokenizer.from_pretrained("shipped", { local_files_only: true });
    const texts = [
      "Then, Mary and John went to the market.",
      " It 's , n't .",
      "日本 😀\n\n x",
      "<|endoftext|>The year 17",
    ];
    for (const text of texts) {
      expect(theirs.encode(text)).toEqual(ours.encode(text));
      expect(theirs.decode(ours.encode(text))).toBe(text);
    }
    expect(theirs.bos_token_id).toBe(ours.endOfTextId);
  });

  const merges = "#version: 0.2\na b\n";
  test.each<[string, Readonly<Record<string, string | Uint8Array>>, string]>([
    ["nothing", {}, "no tokenizer here"],
    ["half of two files", { "vocab.json": vocabulary }, "no tokenizer here"],
    ["cut JSON", { "vocab.json": vocabulary.slice(0, 20), "merges.txt": merges }, "vocab.json: not JSON"],
    ["bytes", { "vocab.json": vocabulary, "merges.txt": Uint8Array.of(0x61, 0xff) }, "merges.txt: not UTF-8"],
    ["a list", { "vocab.json": "[]", "merges.txt": merges }, "vocab.json: expected an object"],
    [
      "one token in a merge",
      { "vocab.json": vocabulary, "merges.txt": `${merges}ab\n` },
      "merges.txt:3: expected two",
    ],
    [
      "two spaces in a merge",
      { "vocab.json": vocabulary, "merges.txt": "a  b" },
      "merges.txt:1: expected two",
    ],
    [
      "an empty line within",
      { "vocab.json": vocabulary, "merges.txt": "\na b" },
      "merges.txt:1: expected two",
    ],
    [
      "an unknown merge",
      { "vocab.json": vocabulary, "merges.txt": `${merges}b a` },
      'merges.txt:3: the merge "b a"',
    ],
    ["a null tokenizer", { "tokenizer.json": "null" }, "tokenizer.json: "],
    [
      "a list for a config",
      { "tokenizer.json": "{}", "tokenizer_config.json": "[]" },
      "tokenizer_config.json: ",
    ],
    [
      "another family's words",
      {
        "vocab.json": vocabulary,
        "merges.txt": merges,
        "tokenizer_config.json": '{"tokenizer_class": "CLIPTokenizer"}',
      },
      "of a CLIPTokenizer can't be read",
    ],
    [
      "added tokens that are no ids",
      { "vocab.json": vocabulary, "merges.txt": merges, "added_tokens.json": '{"<x>": "4"}' },
      'added_tokens.json: the id of "<x>" is "4"',
    ],
  ])("refuses %s", async (name, files, message) => {
    const path = await folder(`bad ${name}`, files);
    const error = await loadTokenizer(path).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PithError);
    expect(error).toHaveProperty("code", "tokenizer");
    expect(error).toHaveProperty("message", expect.stringContaining(message));
  });
});
