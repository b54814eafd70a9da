import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { loadTokenizer } from "./load-tokenizer.ts";
import { createTokenizer, type Tokenizer, type TokenizerFiles } from "./tokenizer.ts";

interface Encoding {
  readonly text: string;
  readonly gpt2: readonly number[];
  readonly nano: readonly number[];
}

/** What Hugging Face's Python `tokenizers` 0.23.3 (ByteLevelBPETokenizer, no prefix space) gives. */
const oracle: readonly Encoding[] = readFileSync("test/gpt2/encodings.jsonl", "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

let gpt2: Tokenizer;
let nano: Tokenizer;
beforeAll(async () => {
  [gpt2, nano] = await Promise.all([loadTokenizer("test/gpt2"), loadTokenizer("models/nano")]);
});

describe("byte-level BPE", () => {
  test.each(oracle)("encodes $text as the Rust tokenizers do", ({ text, gpt2: gpt2Ids, nano: nanoIds }) => {
    expect(gpt2.encode(text)).toEqual(gpt2Ids);
    expect(nano.encode(text)).toEqual(nanoIds);
  });

  test("knows its size and its start token", () => {
    expect([gpt2.vocabularySize, gpt2.endOfTextId]).toEqual([50257, 50256]);
    expect([nano.vocabularySize, nano.endOfTextId]).toEqual([2194, 2193]);
  });

  test("decodes what it encoded, for any Unicode text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), (text) => {
        expect(gpt2.decode(gpt2.encode(text))).toBe(text);
        expect(nano.decode(nano.encode(text))).toBe(text);
      }),
    );
  });

  test("leaves the spaces before punctuation when it decodes", () => {
    expect(gpt2.decode(gpt2.encode("A , b . It 's n't"))).toBe("A , b . It 's n't");
  });

  test("gives nothing for nothing, and skips ids that no token has", () => {
    expect(gpt2.encode("")).toEqual([]);
    expect(gpt2.decode([])).toBe("");
    expect(gpt2.decode([50300])).toBe("");
    expect(gpt2.decode([15496, 50300, 995])).toBe("Hello world");
  });

  test("the golden prompts have the golden ids", () => {
    const goldens: readonly { text: string; input_ids: readonly number[] }[] = JSON.parse(
      readFileSync("test/golden/nano-logprobs.json", "utf8"),
    );
    expect(goldens).toHaveLength(12);
    for (const { text, input_ids: ids } of goldens) {
      // Some were made with the start token before them.
      const start = ids[0] === nano.endOfTextId ? [ids[0]] : [];
      expect([...start, ...nano.encode(text)]).toEqual(ids);
    }
  });
});

describe("tokenText", () => {
  test("shows words, partial characters, controls, special tokens and ids without a token", () => {
    expect([5335, 198, 197, 8582, 447, 50256, 50257].map((id) => gpt2.tokenText(id))).toEqual([
      " Mary",
      "\\n",
      "\\t",
      "\\xf0\\x9f",
      "\\xe2\\x80",
      "<|endoftext|>",
      "<unused 50257>",
    ]);
  });

  test("every token has a text of printable characters", () => {
    for (let id = 0; id < gpt2.vocabularySize; id++) {
      const text = gpt2.tokenText(id);
      if (text === "" || /\p{Cc}/u.test(text))
        throw new Error(`token ${id} shows as ${JSON.stringify(text)}`);
    }
  });

  test("a SentencePiece word starts with a space, and its byte tokens are bytes", () => {
    const vocab = [
      ["<unk>", 0],
      ["▁Mary", -1],
      ["▁", -2],
      ["<0xE2>", -9],
    ];
    const tokenizer = createTokenizer({
      "tokenizer.json": {
        model: { type: "Unigram", unk_id: 0, vocab },
        pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
        decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
      },
      "tokenizer_config.json": {},
    });
    expect(tokenizer.encode("Mary")).toEqual([1]);
    expect([1, 2, 3].map((id) => tokenizer.tokenText(id))).toEqual([" Mary", " ", "\\xe2"]);
  });
});

const small = (
  change: Record<string, unknown> = {},
  config: Record<string, unknown> = {},
): TokenizerFiles => ({
  "tokenizer.json": {
    added_tokens: [{ id: 4, content: "<s>", special: true }],
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel" },
    post_processor: null,
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab: { a: 0, b: 1, Ġ: 2, ab: 3 }, merges: ["a b"] },
    ...change,
  },
  "tokenizer_config.json": config,
});

describe("createTokenizer", () => {
  test("reads merges in both forms, and a model whose type is not named", () => {
    expect(createTokenizer(small()).encode("ab ba")).toEqual([3, 2, 1, 0]);
    const model = { vocab: { a: 0, b: 1, Ġ: 2, ab: 3 }, merges: [["a", "b"]] };
    expect(createTokenizer(small({ model })).encode("ab ba")).toEqual([3, 2, 1, 0]);
  });

  test("ships the files it was given", () => {
    const files = small({}, { bos_token: "<s>" });
    expect(createTokenizer(files).files).toBe(files);
  });

  test.each<[Record<string, unknown>, number | undefined]>([
    [{ bos_token: "<s>", eos_token: "a" }, 4],
    [{ bos_token: { content: "<s>", __type: "AddedToken" } }, 4],
    [{ bos_token: null, eos_token: "b" }, 1],
    [{ bos_token: "<bos>", eos_token: "b" }, undefined],
    [{}, undefined],
  ])("the start token of the config %j is %s", (config, id) => {
    expect(createTokenizer(small({}, config)).endOfTextId).toBe(id);
  });

  test("text that the vocabulary can't spell is an error, not lost", () => {
    const tokenizer = createTokenizer(small());
    expect(tokenizer.encode("ab<s>")).toEqual([3, 4]);
    expect(() => tokenizer.encode("abc")).toThrow('no tokens spell all of "abc"');
  });

  test("reserved ids may be missing before an added token", () => {
    expect(createTokenizer(small({ added_tokens: [{ id: 9, content: "<x>" }] })).vocabularySize).toBe(10);
  });

  test("GPT-2's own tokenizer.json form: what was built from vocab.json loads again, with equal ids", () => {
    const again = createTokenizer(JSON.parse(JSON.stringify(gpt2.files)));
    for (const { text, gpt2: ids } of oracle) expect(again.encode(text)).toEqual(ids);
  });

  const vocab = { a: 0, b: 1, Ġ: 2, ab: 3 };
  const bpe = (change: Record<string, unknown>) => ({ model: { type: "BPE", vocab, merges: [], ...change } });
  test.each<[string, Record<string, unknown>, string]>([
    ["no model", { model: undefined }, '"model"'],
    ["another model type", bpe({ type: "Quantum" }), 'unsupported tokenizer model "Quantum"'],
    ["an empty vocabulary", bpe({ vocab: {} }), '"model.vocab": has no tokens'],
    ["a list for a vocabulary", bpe({ vocab: [] }), '"model.vocab": expected an object'],
    ["a hole", bpe({ vocab: { a: 0, b: 1, c: 3 } }), "ids go up to 3, but no token has the id 2"],
    ["a duplicate", bpe({ vocab: { a: 0, b: 1, c: 1 } }), '"b" and "c" have the same id 1'],
    ["a fraction", bpe({ vocab: { a: 0.5 } }), 'the id of "a" is 0.5'],
    ["a negative id", bpe({ vocab: { a: -1 } }), 'the id of "a" is -1'],
    ["an id in words", bpe({ vocab: { a: "0" } }), 'the id of "a" is "0"'],
    ["merges that are no list", bpe({ merges: "a b" }), '"model.merges": expected a list'],
    [
      "a merge of three",
      bpe({ merges: ["a b", "a b c"] }),
      '"model.merges.1": expected two tokens, found "a b c"',
    ],
    ["a merge into nothing", bpe({ merges: ["b a"] }), 'the merge "b a" needs "ba"'],
    ["a merge of a stranger", bpe({ merges: [["a", "z"]] }), 'the merge "a z" needs "z"'],
    ["an added token that takes an id", { added_tokens: [{ id: 1, content: "<s>" }] }, 'belongs to "b"'],
    [
      "an added token with two ids",
      { added_tokens: [{ id: 9, content: "b" }] },
      "has the id 9 here and 1 elsewhere",
    ],
    ["an empty added token", { added_tokens: [{ id: 9, content: "" }] }, '"added_tokens.0.content"'],
    [
      "a pattern that is none",
      { normalizer: { type: "Replace", pattern: "a" } },
      '"normalizer.pattern": expected {"String"',
    ],
    [
      "an unknown component",
      { pre_tokenizer: { type: "Telepathy" } },
      "Unknown PreTokenizer type: Telepathy",
    ],
    ["a component without type", { decoder: {} }, '"decoder.type"'],
    ["pieces of no length", { pre_tokenizer: { type: "FixedLength", length: 0 } }, '"pre_tokenizer.length"'],
    [
      "pieces of no length, further down",
      { pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "FixedLength" }] } },
      '"pre_tokenizer.pretokenizers.0.length"',
    ],
    [
      "a broken pattern",
      { pre_tokenizer: { type: "Split", pattern: { Regex: "(" } } },
      "the tokenizer library refused it",
    ],
    [
      "a Unigram of no entries",
      { model: { type: "Unigram", vocab: [] } },
      "expected a list of [token, score] pairs",
    ],
    [
      "an unknown id out of range",
      { model: { type: "Unigram", unk_id: 5, vocab: [["a", 0]] } },
      "5 is no id",
    ],
  ])("refuses %s", (_, change, message) => {
    const create = () => createTokenizer(small(change), "some/folder");
    expect(create).toThrow(PithError);
    expect(create).toThrow(message);
    expect(create).toThrow("some/folder/tokenizer.json");
  });

  test("refuses a component that nests without end", () => {
    let component: Record<string, unknown> = { type: "Sequence", normalizers: [] };
    for (let i = 0; i < 10_000; i++) component = { type: "Sequence", normalizers: [component] };
    expect(() => createTokenizer(small({ normalizer: component }))).toThrow("nested more than 16 deep");
  });

  test("refuses a config whose tokens are none", () => {
    expect(() => createTokenizer(small({}, { bos_token: 7 }))).toThrow('tokenizer_config.json, "bos_token"');
  });
});
