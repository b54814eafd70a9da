/**
 * How llama.cpp's files name a byte-level tokenizer's way to cut a text (`tokenizer.ggml.pre`), as the parts of
 * tokenizer.json that mean the same: the patterns are those of the original files, which llama.cpp repeats in
 * llama-vocab.cpp. A name that is not here may mean anything, and is refused.
 */
import type { JsonObject } from "./json.ts";

export interface PreTokenization {
  readonly pre_tokenizer: JsonObject;
  readonly normalizer?: JsonObject;
  /** Whether a word that is a token is that token, whatever the merges say. */
  readonly ignoreMerges?: boolean;
  /** Whether a text begins with the start token where the file doesn't say; left out: no. */
  readonly addBos?: boolean;
}

const byteLevel = (splits: boolean) => ({
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: splits,
});

const sequence = (...pretokenizers: readonly JsonObject[]) => ({ type: "Sequence", pretokenizers });

const split = (pattern: string) => ({
  type: "Split",
  pattern: { Regex: pattern },
  behavior: "Isolated",
  invert: false,
});

/** @param digits how many digits are a word at most. */
const wordsOf = (digits: string) =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

const [upper, lower] = [String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`];
const contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";
/** Words that begin anew at a capital letter. @param tail what may end them. */
const casedWordsOf = (tail: string, digits: string) =>
  String.raw`[^\r\n\p{L}\p{N}]?${upper}*${lower}+${tail}|[^\r\n\p{L}\p{N}]?${upper}+${lower}*${tail}|\p{N}${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

const words = (pattern: string) => sequence(split(pattern), byteLevel(false));
const singleDigits = sequence({ type: "Digits", individual_digits: true }, byteLevel(true));
const nfc = { type: "NFC" };

const gpt2 = { pre_tokenizer: byteLevel(true) };
const neox = { ...gpt2, normalizer: nfc };
const llama3 = { pre_tokenizer: words(wordsOf("{1,3}")) };
const qwen2 = { pre_tokenizer: words(wordsOf("")), normalizer: nfc };
const starcoder = { pre_tokenizer: singleDigits };

const known: Readonly<Record<string, PreTokenization>> = {
  "gpt-2": gpt2,
  "phi-2": gpt2,
  jais: gpt2,
  olmo: neox,
  mpt: neox,
  starcoder,
  refact: starcoder,
  codeshell: starcoder,
  smollm: starcoder,
  "command-r": { ...starcoder, normalizer: nfc },
  "llama-bpe": { ...llama3, ignoreMerges: true, addBos: true },
  llama3: { ...llama3, ignoreMerges: true, addBos: true },
  "llama-v3": { ...llama3, ignoreMerges: true, addBos: true },
  "smaug-bpe": llama3,
  dbrx: llama3,
  qwen2,
  "deepseek-r1-qwen": qwen2,
  stablelm2: { pre_tokenizer: qwen2.pre_tokenizer },
  tekken: { pre_tokenizer: words(casedWordsOf("", "")), ignoreMerges: true, addBos: true },
  "gpt-4o": { pre_tokenizer: words(casedWordsOf(contraction, "{1,3}")) },
  falcon: {
    pre_tokenizer: sequence(
      { type: "Punctuation", behavior: "Contiguous" },
      byteLevel(true),
      { type: "Digits", individual_digits: false },
      split("[0-9][0-9][0-9]"),
    ),
  },
};

export const preTokenizationNames: readonly string[] = Object.keys(known);

/** Undefined for a name that Pith does not know. */
export function preTokenization(name: string): PreTokenization | undefined {
  return Object.hasOwn(known, name) ? known[name] : undefined;
}
