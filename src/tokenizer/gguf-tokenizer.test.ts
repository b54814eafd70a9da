import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ggufTokenizerFiles } from "./gguf-tokenizer.ts";
import { mergesByScore } from "./merges-by-score.ts";
import { createTokenizer } from "./tokenizer.ts";

const tokens = ["a", "b", "1", "2", "Ġ", "ab", "12", "<|end|>", "[PAD8]"];
const byteLevel = new Map<string, unknown>([
  ["tokenizer.ggml.model", "gpt2"],
  ["tokenizer.ggml.pre", "smollm"],
  ["tokenizer.ggml.tokens", tokens],
  ["tokenizer.ggml.token_type", Int32Array.of(1, 1, 1, 1, 1, 1, 1, 3, 5)],
  ["tokenizer.ggml.merges", ["a b", "1 2"]],
  ["tokenizer.ggml.bos_token_id", 7],
  ["tokenizer.ggml.eos_token_id", 7],
]);
const withValue = (key: string, value: unknown) => new Map([...byteLevel, [`tokenizer.ggml.${key}`, value]]);

describe("a byte-level tokenizer", () => {
  const tokenizer = createTokenizer(ggufTokenizerFiles(byteLevel, "m.gguf"));

  test("cuts as its name says: single digits first", () => {
    expect(tokenizer.encode("ab 12<|end|>")).toEqual([5, 4, 2, 3, 7]);
    const words = createTokenizer(ggufTokenizerFiles(withValue("pre", "gpt-2"), "m.gguf"));
    expect(words.encode("ab 12<|end|>")).toEqual([5, 4, 6, 7]);
  });

  test("has the tokens that the file names, without what fills up", () => {
    expect(tokenizer.vocabularySize).toBe(8);
    expect([tokenizer.endOfTextId, tokenizer.eosTokenId]).toEqual([7, 7]);
  });

  test("begins a text for other tools where the file, or its kind, says so", () => {
    const processor = (metadata: ReadonlyMap<string, unknown>) =>
      ggufTokenizerFiles(metadata, "m.gguf")["tokenizer.json"]["post_processor"];
    expect(processor(byteLevel)).toBeNull();
    expect(processor(withValue("add_bos_token", true))).toMatchObject({
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<|end|>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    });
    expect(processor(withValue("pre", "llama-bpe"))).not.toBeNull();
  });

  test.each([
    ["a name of a pre-tokenizer that is not known", withValue("pre", "new-one"), '"new-one"'],
    ["a kind that is not read", withValue("model", "bert"), '"bert"'],
    ["no tokens", withValue("tokens", []), "is no list of tokens"],
    ["a token twice", withValue("tokens", tokens.with(1, "a")), 'holds "a" twice'],
    ["types that don't fit", withValue("token_type", Int32Array.of(1)), "9 numbers"],
    ["a merge of one", withValue("merges", ["ab"]), '"ab"'],
    ["a merge that leads nowhere", withValue("merges", ["b a"]), "not in the vocabulary"],
  ])("%s is refused", (_, metadata, fault) => {
    expect(() => createTokenizer(ggufTokenizerFiles(metadata, "m.gguf"))).toThrow(fault);
  });

  test("what is refused says that a tokenizer.json may stand beside", () => {
    expect(() => ggufTokenizerFiles(withValue("pre", "new-one"), "m.gguf")).toThrow("tokenizer.json");
  });
});

describe("SentencePiece's", () => {
  const vocabulary = {
    tokens: ["<unk>", "▁", "a", "b", "c", "ab", "bc", "▁a"],
    scores: [0, -9, -9, -9, -9, -2, -1, -3],
  };

  test("merges stand in the order of their tokens' scores", () => {
    const merges = mergesByScore(vocabulary.tokens, vocabulary.scores, (id) => id > 0);
    expect(merges.map((pair) => pair.join(" "))).toEqual(["b c", "a b", "▁ a"]);
  });

  const golden: Readonly<
    Record<string, readonly { readonly text: string; readonly ids: readonly number[] }[]>
  > = JSON.parse(readFileSync("test/gguf/spm.json", "utf8"));

  test.each(Object.entries(golden))("ids are the library's own: %s", async (name, texts) => {
    const { readGgufHeader } = await import("../checkpoint/gguf/header.ts");
    const { memorySource } = await import("../checkpoint/testing.ts");
    const file = readFileSync(`test/gguf/spm-${name}.gguf`);
    const { metadata } = await readGgufHeader(memorySource("m.gguf", file));
    const tokenizer = createTokenizer(ggufTokenizerFiles(metadata, "m.gguf"));
    for (const { text, ids } of texts) {
      expect(tokenizer.encode(text)).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(text);
    }
  });
});
