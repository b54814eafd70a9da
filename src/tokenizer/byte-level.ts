/**
 * GPT-2's byte-level alphabet: each of the 256 bytes is written as one printable character, so that any text
 * is a string over 256 letters. From `bytes_to_unicode` in https://github.com/openai/gpt-2/blob/master/src/encoder.py.
 */

/** Bytes that stand for themselves: printable Latin-1 without the space and the soft hyphen. */
const PRINTABLE: readonly (readonly [number, number])[] = [
  [0x21, 0x7e],
  [0xa1, 0xac],
  [0xae, 0xff],
];

/** The character of each byte; bytes that do not stand for themselves get U+0100 and up, in order. */
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
