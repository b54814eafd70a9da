/**
 * Thousands of damaged task files and tokenizer files: each must either work or be refused with a PithError.
 * Nothing may crash in another way, and the whole must be done in seconds (a reader that hangs fails here too).
 */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { PithError } from "../src/errors.ts";
import { encodeTask } from "../src/tasks/encode-task.ts";
import { splitExamples } from "../src/tasks/split.ts";
import { parseTaskFile } from "../src/tasks/task-file.ts";
import { buildByteLevelBpe } from "../src/tokenizer/byte-level-bpe.ts";
import type { JsonObject } from "../src/tokenizer/json.ts";
import { loadTokenizer } from "../src/tokenizer/load-tokenizer.ts";
import { createTokenizer, type Tokenizer } from "../src/tokenizer/tokenizer.ts";

/** The outcome of an action that may only succeed or be refused. */
function outcome(action: () => void): "worked" | "refused" {
  try {
    action();
    return "worked";
  } catch (error) {
    if (error instanceof PithError) return "refused";
    throw error;
  }
}

/** Counts both outcomes: a fuzzer that only ever sees one of them tests nothing. */
function tally() {
  const counts = { worked: 0, refused: 0 };
  return { counts, add: (result: "worked" | "refused") => counts[result]++ };
}

/** One damage to a text: a piece is cut out, repeated, or replaced. */
interface TextDamage {
  readonly at: number;
  readonly length: number;
  readonly instead: string;
}

const awkward = fc.constantFrom(
  "",
  "\n",
  "\r",
  "\u0000",
  "\uFEFF",
  "\uD800",
  '"',
  "{",
  "}",
  "[",
  "\\u",
  "\\",
  ",",
  " ",
  "9",
  "-",
  "\u2028",
);
const textDamage: fc.Arbitrary<TextDamage> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.oneof(fc.constant(0), fc.constant(1), fc.integer({ min: 0, max: 60 })),
  instead: fc.oneof(awkward, fc.string({ unit: "binary", maxLength: 4 })),
});

function damageText(text: string, damages: readonly TextDamage[]): string {
  return damages.reduce((current, { at, length, instead }) => {
    const start = Math.floor(at * current.length);
    return current.slice(0, start) + instead + current.slice(start + length);
  }, text);
}

/** One damage to a JSON value: what stands at some path is replaced or (undefined) taken out. */
interface ValueDamage {
  readonly at: number;
  readonly value: unknown;
}

const deep = JSON.parse(`${"[".repeat(300)}${"]".repeat(300)}`);
const valueDamage: fc.Arbitrary<ValueDamage> = fc.record({
  at: fc.nat(),
  value: fc.oneof(
    fc.constantFrom<unknown>(
      undefined,
      null,
      -1,
      0,
      1,
      0.5,
      1e9,
      2 ** 53,
      "",
      " ",
      "a",
      "\uD800",
      [],
      {},
      true,
      deep,
    ),
    fc.constantFrom<unknown>(
      "Sequence",
      "Split",
      "FixedLength",
      "Digits",
      "Replace",
      "Prepend",
      "Strip",
      "Lowercase",
      "CTC",
      "Fuse",
    ),
    fc.jsonValue({ maxDepth: 2 }),
  ),
});

function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))];
}

/** Pure: every call gives a new value, sharing what is whole. */
function replaceAt(value: unknown, path: readonly string[], replacement: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return replacement;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).flatMap(([name, inner]) => {
    const next = name === key ? replaceAt(inner, rest, replacement) : inner;
    return next === undefined ? [] : [[name, next] as const];
  });
  return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
}

function damageValue(
  base: unknown,
  paths: readonly (readonly string[])[],
  damages: readonly ValueDamage[],
): unknown {
  return damages.reduce(
    (value, { at, value: replacement }) => replaceAt(value, paths[at % paths.length] ?? [], replacement),
    base,
  );
}

let nano: Tokenizer;
beforeAll(async () => {
  nano = await loadTokenizer("models/nano");
});

function useTask(contents: string, fileName = "fuzz.jsonl"): void {
  const { examples } = parseTaskFile(contents, fileName);
  const splits = splitExamples(examples, { seed: 1, fileName });
  encodeTask(splits, nano, { means: "pooled", bos: true, contextLength: 64, fileName });
}

const PROBES: readonly string[] = [
  "",
  "Then, Mary",
  "  \n\u0085\uFEFF ab ba",
  "<s>日本 😀\uD800",
  "a".repeat(500),
];

function useTokenizer(tokenizer: Tokenizer): void {
  for (const text of PROBES) {
    // One text that can't be spelled must not keep the others from being tried.
    outcome(() => tokenizer.decode(tokenizer.encode(text)));
  }
  for (const id of [-1, 0, 1, 5, 2 ** 31, Number.NaN]) tokenizer.tokenText(id);
  tokenizer.decode([0, 1, 2, 3, 99]);
}

describe("task files", () => {
  const golden = readFileSync("test/golden/nano-ioi.jsonl", "utf8").split("\n");
  const labelled = '{"prompt": "The dog", "answer": " is", "labels": [" is", " are"], "split": "test"}';
  const lines = [...golden.slice(0, 4), ...golden.slice(150, 156), labelled];

  test("1,500 with damaged text", () => {
    const { counts, add } = tally();
    const base = lines.join("\n");
    fc.assert(
      fc.property(fc.array(textDamage, { minLength: 1, maxLength: 3 }), (damages) => {
        add(outcome(() => useTask(damageText(base, damages))));
      }),
      { numRuns: 1500 },
    );
    expect(Math.min(counts.worked, counts.refused)).toBeGreaterThan(50);
  });

  test("1,500 with damaged values", () => {
    const { counts, add } = tally();
    const base: unknown = lines.map((line) => JSON.parse(line));
    const paths = pathsOf(base).filter((path) => path.length > 0);
    fc.assert(
      fc.property(fc.array(valueDamage, { minLength: 1, maxLength: 2 }), (damages) => {
        const damaged = damageValue(base, paths, damages);
        const contents = Array.isArray(damaged) ? damaged.map((line) => JSON.stringify(line)).join("\n") : "";
        add(outcome(() => useTask(contents)));
      }),
      { numRuns: 1500 },
    );
    expect(Math.min(counts.worked, counts.refused)).toBeGreaterThan(50);
  });

  test("1,500 damaged CSV files", () => {
    const { counts, add } = tally();
    const cell = (text: string) => `"${text.replaceAll('"', '""')}"`;
    const rows = lines.map((line): string => {
      const { prompt, answer, answers, labels, split } = JSON.parse(line) as {
        readonly [field: string]: string & readonly string[];
      };
      const list = (texts: readonly string[] = []) => cell(texts.join("|"));
      return [cell(prompt ?? ""), list(answers ?? [answer ?? ""]), list(labels), split].join(",");
    });
    const base = ["prompt,answers,labels,split", ...rows, ""].join("\r\n");
    useTask(base, "fuzz.csv");
    fc.assert(
      fc.property(fc.array(textDamage, { minLength: 1, maxLength: 2 }), (damages) => {
        add(outcome(() => useTask(damageText(base, damages), "fuzz.csv")));
      }),
      { numRuns: 1500 },
    );
    expect(Math.min(counts.worked, counts.refused)).toBeGreaterThan(50);
  });

  test("300 of arbitrary text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (contents) => {
        outcome(() => useTask(contents));
        outcome(() => useTask(contents, "fuzz.csv"));
        outcome(() => useTask(`prompt,answer\n${contents}`, "fuzz.csv"));
      }),
      { numRuns: 300 },
    );
  });
});

const added = [{ id: 5, content: "<s>", special: true, lstrip: true, normalized: false }];
/** One tokenizer of each kind, with as many kinds of component as fit. */
const BASES: readonly { readonly [name: string]: unknown }[] = [
  {
    added_tokens: added,
    normalizer: { type: "NFC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [{ type: "Digits", individual_digits: true }, { type: "ByteLevel" }],
    },
    post_processor: { type: "ByteLevel", trim_offsets: false },
    decoder: { type: "ByteLevel" },
    model: {
      type: "BPE",
      unk_token: null,
      vocab: { a: 0, b: 1, Ġ: 2, ab: 3, Ġab: 4 },
      merges: ["a b", "Ġ ab"],
    },
  },
  {
    added_tokens: added,
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    pre_tokenizer: { type: "Split", pattern: { Regex: "\\s+|\\p{L}+" }, behavior: "Isolated", invert: false },
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [],
      special_tokens: { "<s>": { id: "<s>", ids: [5], tokens: ["<s>"] } },
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "Unigram",
      unk_id: 0,
      vocab: [
        ["<unk>", 0],
        ["▁a", -1],
        ["b", -2],
        ["ab", -1.5],
        ["<0x0A>", -9],
      ],
    },
  },
  {
    added_tokens: added,
    normalizer: {
      type: "BertNormalizer",
      lowercase: true,
      strip_accents: null,
      clean_text: true,
      handle_chinese_chars: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: { type: "BertProcessing", sep: ["<s>", 5], cls: ["<s>", 5] },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      vocab: { "[UNK]": 0, a: 1, "##b": 2, mary: 3, "##n": 4 },
    },
  },
];

describe("tokenizer files", () => {
  test.each([0, 1, 2])("1,000 damaged tokenizer.json, kind %i", (kind) => {
    const { counts, add } = tally();
    const base = {
      "tokenizer.json": BASES[kind],
      "tokenizer_config.json": { bos_token: "<s>", eos_token: { content: "<s>" } },
    };
    const paths = pathsOf(base).filter((path) => path.length > 1);
    expect(outcome(() => createTokenizer(base as never))).toBe("worked");
    fc.assert(
      fc.property(fc.array(valueDamage, { minLength: 1, maxLength: 3 }), (damages) => {
        const files = damageValue(base, paths, damages);
        add(outcome(() => useTokenizer(createTokenizer(files as never))));
      }),
      { numRuns: 1000 },
    );
    expect(Math.min(counts.worked, counts.refused)).toBeGreaterThan(50);
  });

  test("1,000 damaged pairs of vocab.json and merges.txt", () => {
    const { counts, add } = tally();
    const vocabulary: JsonObject = { a: 0, b: 1, Ġ: 2, ab: 3, Ġab: 4, "<|endoftext|>": 5 };
    const merges = "#version: 0.2\na b\nĠ ab\n";
    const paths = pathsOf(vocabulary);
    const damage = fc.record({
      values: fc.array(valueDamage, { maxLength: 1 }),
      texts: fc.array(textDamage, { maxLength: 1 }),
    });
    fc.assert(
      fc.property(damage, ({ values, texts }) => {
        const parts = {
          vocabulary: damageValue(vocabulary, paths, values),
          merges: damageText(merges, texts),
        };
        add(outcome(() => useTokenizer(createTokenizer(buildByteLevelBpe(parts)))));
      }),
      { numRuns: 1000 },
    );
    expect(Math.min(counts.worked, counts.refused)).toBeGreaterThan(50);
  });
});
