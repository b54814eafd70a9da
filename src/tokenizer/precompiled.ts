/**
 * SentencePiece's own normalisation: a table of replacements in a double-array trie, as `precompiled_charsmap`
 * holds it. A port of spm_precompiled (https://github.com/huggingface/spm_precompiled); the JavaScript library
 * only approximates the most common table.
 */
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** @param charsmap base64. @throws Error when it is damaged. */
export function precompiledNormalizer(charsmap: unknown): (text: string) => string {
  if (charsmap === null || charsmap === "") return (text) => text;
  const { units, replacements } = readCharsmap(charsmap);
  const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
  const lookUp = (text: string): string | undefined => {
    const at = firstMatch(units, encoder.encode(text));
    if (at === undefined) return undefined;
    const end = replacements.indexOf(0, at);
    return decoder.decode(replacements.subarray(at, end < 0 ? undefined : end));
  };
  const known = new Map<string, string>();
  const replaceGrapheme = (grapheme: string): string => {
    // As in the Rust code: a short grapheme is looked up whole, and the replacement of its first part replaces
    // all of it.
    const whole = encoder.encode(grapheme).length < 6 ? lookUp(grapheme) : undefined;
    return whole ?? Array.from(grapheme, (character) => lookUp(character) ?? character).join("");
  };
  return (text) => {
    let result = "";
    for (const { segment } of graphemes.segment(text)) {
      let replaced = known.get(segment);
      if (replaced === undefined) {
        replaced = replaceGrapheme(segment);
        if (known.size < 10_000) known.set(segment, replaced);
      }
      result += replaced;
    }
    return result;
  };
}

interface Charsmap {
  /** The trie's nodes. */
  readonly units: Uint32Array;
  /** UTF-8 texts, each ended by a zero byte. */
  readonly replacements: Uint8Array;
}

function readCharsmap(charsmap: unknown): Charsmap {
  if (typeof charsmap !== "string") throw new Error("precompiled_charsmap is no text");
  const bytes = Uint8Array.from(atob(charsmap), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const trieBytes = bytes.length < 4 ? -1 : view.getUint32(0, true);
  if (trieBytes < 4 || trieBytes % 4 !== 0 || 4 + trieBytes > bytes.length) {
    throw new Error("precompiled_charsmap is damaged: its trie doesn't end inside it");
  }
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
  return { units, replacements: bytes.subarray(4 + trieBytes) };
}

/** The value of the shortest key that the bytes begin with (Darts-clone's `commonPrefixSearch`, its first result). */
function firstMatch(units: Uint32Array, bytes: Uint8Array): number | undefined {
  let node = offsetOf(units[0] ?? 0);
  for (const byte of bytes) {
    if (byte === 0) return undefined;
    node ^= byte;
    const unit = units[node];
    if (unit === undefined || (unit & 0x8000_00ff) >>> 0 !== byte) return undefined;
    node ^= offsetOf(unit);
    if (((unit >>> 8) & 1) === 1) return (units[node] ?? 0) & 0x7fff_ffff;
  }
  return undefined;
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
