/**
 * GPT-2's byte-level alphabet: each of the 256 bytes is written as one printable character, so that any text
 * is a string over 256 letters. From `bytes_to_unicode` in https://github.com/openai/gpt-2/blob/master/src/encoder.py.
 */
import { isObject } from "./json.ts";

/** Bytes that stand for themselves: printable Latin-1 without the space and the soft hyphen. */
const PRINTABLE: readonly (readonly [number, number])[] = [
  [0x21, 0x7e],
  [0xa1, 0xac],
  [0xae, 0xff],
];

/** The character of each byte; the others take U+0100 on, in order. */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(PRINTABLE.some(([from, to]) => byte >= from && byte <= to) ? byte : next++),
  );
})();

const BYTE_OF: ReadonlyMap<string, number> = new Map(
  BYTE_CHARACTERS.map((character, byte) => [character, byte]),
);

/** The bytes that a byte-level token stands for; undefined when it has a character outside the alphabet. */
export function tokenBytes(token: string): Uint8Array | undefined {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = BYTE_OF.get(character);
    if (byte === undefined) return undefined;
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** GPT-2's pattern, as the Rust tokenizers have it. */
const GPT2_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/**
 * The same pre-tokenizer, said so that the JavaScript library runs it exactly: its built-in pattern uses
 * JavaScript's `\s`, which takes U+FEFF for a space and U+0085 for none, while a pattern given in the file is
 * translated to the Rust meaning. With a prefix space the two are not interchangeable, and it stays as it is.
 */
export function exactByteLevel(preTokenizer: unknown): unknown {
  if (!isObject(preTokenizer)) return preTokenizer;
  if (preTokenizer["type"] === "Sequence" && Array.isArray(preTokenizer["pretokenizers"])) {
    return { ...preTokenizer, pretokenizers: preTokenizer["pretokenizers"].map(exactByteLevel) };
  }
  if (
    preTokenizer["type"] !== "ByteLevel" ||
    preTokenizer["use_regex"] === false ||
    preTokenizer["add_prefix_space"] === true
  ) {
    return preTokenizer;
  }
  return {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex: GPT2_PATTERN }, behavior: "Isolated", invert: false },
      { ...preTokenizer, use_regex: false },
    ],
  };
}
