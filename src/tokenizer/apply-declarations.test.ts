import { describe, expect, test } from "vitest";
import { applyDeclarations } from "./apply-declarations.ts";
import type { DeclaringFiles } from "./declared-tokens.ts";
import type { JsonObject } from "./json.ts";
import { createTokenizer } from "./tokenizer.ts";

const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
const token = (content: string, change: JsonObject = {}) => ({ content, ...flags, ...change });
const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };

/** Six tokens, with <|endoftext|> as the only one added. */
const plain = (change: JsonObject = {}): JsonObject => ({
  added_tokens: [{ id: 4, ...token("<|endoftext|>") }],
  normalizer: null,
  pre_tokenizer: byteLevel,
  decoder: byteLevel,
  model: {
    type: "BPE",
    vocab: { a: 0, b: 1, Ġ: 2, ab: 3, "<|endoftext|>": 4, Ġa: 5 },
    merges: ["a b", "Ġ a"],
  },
  ...change,
});
const withX = (change: JsonObject = {}) =>
  plain({
    added_tokens: [
      { id: 4, ...token("<|endoftext|>") },
      { id: 6, ...token("<x>", { lstrip: true }) },
    ],
    ...change,
  });
const prefixed = { ...byteLevel, add_prefix_space: true };

type Given = Omit<DeclaringFiles, "tokenizer"> & { readonly tokenizer?: JsonObject };
const load = (given: Given) => createTokenizer(applyDeclarations({ tokenizer: plain(), ...given }, "folder"));

const gpt2 = { tokenizer_class: "GPT2Tokenizer" };
const fast = { tokenizer_class: "PreTrainedTokenizerFast" };
const gpt2Model = { model_type: "gpt2" };
const text = "a <x> b";

// The ids and start tokens are those of AutoTokenizer in transformers 5.24 for a folder of these files.
describe("applyDeclarations, as transformers does", () => {
  test.each<[string, Given, readonly number[]]>([
    ["tokenizer.json alone", { tokenizer: withX(), modelConfig: gpt2Model }, [0, 6, 2, 1]],
    [
      "GPT-2's class and no prefix",
      { tokenizer: withX({ pre_tokenizer: prefixed }), config: gpt2 },
      [0, 6, 2, 1],
    ],
    [
      "no class and no prefix",
      { tokenizer: withX({ pre_tokenizer: prefixed }), modelConfig: gpt2Model },
      [0, 6, 2, 1],
    ],
    [
      "GPT-2's class and a prefix",
      { tokenizer: withX(), config: { ...gpt2, add_prefix_space: true } },
      [5, 6, 2, 1],
    ],
    [
      "no class and a prefix",
      { tokenizer: withX(), config: { add_prefix_space: true }, modelConfig: gpt2Model },
      [5, 6, 2, 1],
    ],
    [
      "another class, whose file has a prefix",
      { tokenizer: withX({ pre_tokenizer: prefixed }), config: { ...fast, add_prefix_space: false } },
      [5, 6, 2, 1],
    ],
    [
      "another class, whose file has none",
      { tokenizer: withX(), config: { ...fast, add_prefix_space: true } },
      [0, 6, 2, 1],
    ],
    [
      "flags that the config changes",
      {
        tokenizer: withX(),
        config: {
          ...fast,
          added_tokens_decoder: { 4: token("<|endoftext|>"), 6: token("<x>", { rstrip: true }) },
        },
      },
      [0, 2, 6, 1],
    ],
    ["added_tokens.json", { addedTokens: { "<x>": 6 }, config: gpt2 }, [0, 2, 6, 2, 1]],
    ["a name that is no token yet", { config: { ...gpt2, pad_token: "<x>" } }, [0, 2, 6, 2, 1]],
    [
      "a name of special_tokens_map.json",
      { specialTokensMap: { bos_token: "<x>" }, config: fast },
      [0, 2, 6, 2, 1],
    ],
    [
      "an unnamed special token",
      { config: { ...gpt2, additional_special_tokens: ["<x>"] } },
      [0, 2, 6, 2, 1],
    ],
    [
      "a special token with a name of its own",
      { config: { ...gpt2, extra_special_tokens: { x_token: "<x>" } } },
      [0, 2, 6, 2, 1],
    ],
  ])("%s", (_, given, ids) => {
    expect(load(given).encode(text)).toEqual(ids);
  });

  test.each<[string, Given, number | undefined]>([
    ["GPT-2's own", { config: gpt2 }, 4],
    ["the config's", { config: { ...gpt2, bos_token: "a" } }, 0],
    [
      "special_tokens_map.json's before the config's",
      { config: { ...gpt2, bos_token: "a" }, specialTokensMap: { bos_token: "b" } },
      1,
    ],
    [
      "special_tokens_map.json's, with flags",
      { config: fast, specialTokensMap: { bos_token: token("<x>") } },
      6,
    ],
    [
      "the config's where it holds added_tokens_decoder",
      {
        config: { ...fast, bos_token: "a", added_tokens_decoder: { 4: token("<|endoftext|>") } },
        specialTokensMap: { bos_token: "b" },
      },
      0,
    ],
  ])("the start token is %s", (_, given, id) => {
    expect(load(given).endOfTextId).toBe(id);
  });

  test("added_tokens.json does not count beside added_tokens_decoder", () => {
    const config = { ...fast, added_tokens_decoder: { 4: token("<|endoftext|>") } };
    expect(load({ addedTokens: { "<x>": 6 }, config }).vocabularySize).toBe(6);
  });

  test("a token that is named is found before the text is split", () => {
    expect(load({ config: { ...fast, bos_token: "a" } }).encode("ab")).toEqual([0, 1]);
  });

  test("names by order: the seven, a model's own, and then those without a name", () => {
    const config = { ...gpt2, additional_special_tokens: ["<x>"], speaker_token: "<z>", pad_token: "<y>" };
    expect(load({ config }).encode("<x><y><z>")).toEqual([8, 6, 7]);
  });

  test("a name whose token has no row in the embedding is left alone", () => {
    const config = { ...gpt2, pad_token: "[PAD]" };
    expect(load({ config, modelConfig: { vocab_size: 6 } }).vocabularySize).toBe(6);
    expect(load({ config, modelConfig: { vocab_size: 7 } }).vocabularySize).toBe(7);
  });

  test("what it writes is read again to the same", () => {
    const config = {
      ...gpt2,
      added_tokens_decoder: { 4: token("<|endoftext|>"), 6: token("<x>") },
      pad_token: "<p>",
    };
    const once = applyDeclarations({ tokenizer: plain(), config });
    const again = applyDeclarations({
      tokenizer: once["tokenizer.json"],
      config: once["tokenizer_config.json"],
    });
    expect(again).toEqual(once);
    expect(createTokenizer(again).encode("<p><x>")).toEqual([7, 6]);
  });

  test.each<[string, Given, string]>([
    [
      "an id that is not the next",
      { config: { ...fast, added_tokens_decoder: { 9: token("<x>") } } },
      '"<x>" is said to have the id 9, but by the order of the tokens it is 6',
    ],
    [
      "an id of added_tokens.json that is not the next",
      { addedTokens: { "<x>": 9 }, config: fast },
      "folder/added_tokens.json",
    ],
    [
      "a token without content",
      { config: { ...fast, added_tokens_decoder: { 6: {} } } },
      '"added_tokens_decoder.6"',
    ],
    [
      "a list of tokens",
      { config: { ...fast, added_tokens_decoder: [] } },
      '"added_tokens_decoder": expected an object',
    ],
    [
      "an id in words",
      { config: { ...fast, added_tokens_decoder: { six: token("<x>") } } },
      'the id of "<x>" is "six"',
    ],
    ["a map that is a list", { specialTokensMap: [], config: fast }, "folder/special_tokens_map.json"],
    [
      "GPT-2's class over a tokenizer of another design",
      { tokenizer: plain({ normalizer: { type: "NFC" } }), config: gpt2 },
      '"tokenizer_class": "GPT2Tokenizer" means GPT-2\'s way',
    ],
  ])("refuses %s", (_, given, message) => {
    expect(() => load(given)).toThrow(message);
  });
});
