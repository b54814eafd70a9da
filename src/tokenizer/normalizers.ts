/**
 * Normalisers of tokenizer.json with the results of the Rust tokenizers. Those of the JavaScript library differ
 * for characters beyond ASCII, in the order of steps, and in the meaning of a replacement text.
 */
import { BYTE_CHARACTERS } from "./byte-level.ts";
import { CONTROL, MARK, NEVER_NORMALISED, NMT_CONTROL, NONSPACING_MARK } from "./character-sets.ts";
import { isObject, type JsonObject } from "./json.ts";
import { compilePattern } from "./pattern.ts";
import { precompiledNormalizer } from "./precompiled.ts";

export interface Normalizer {
  normalize(text: string): string;
  /** Whether nothing was removed at the start of the text. */
  keepsStart(text: string): boolean;
}

/** @throws Error for an unknown normaliser, or one whose fields are malformed. */
export function createNormalizer(config: unknown): Normalizer {
  if (config === null || config === undefined) return { normalize: (text) => text, keepsStart: () => true };
  if (!isObject(config)) throw new Error("a normalizer is no object");
  switch (config["type"]) {
    case "Sequence":
      return inOrder((config["normalizers"] as readonly unknown[]).map(createNormalizer));
    case "Replace":
      return replace(config);
    case "Precompiled":
      // As in the Rust tokenizers: text that this normaliser removes leaves no trace.
      return { normalize: precompiledNormalizer(config["precompiled_charsmap"]), keepsStart: () => true };
    default: {
      const normalize = createSimple(config);
      return { normalize, keepsStart: (text) => text === "" || normalize(firstCharacter(text)) !== "" };
    }
  }
}

function firstCharacter(text: string): string {
  return String.fromCodePoint(text.codePointAt(0) ?? 0);
}

function inOrder(steps: readonly Normalizer[]): Normalizer {
  return {
    normalize: (text) => steps.reduce((result, step) => step.normalize(result), text),
    keepsStart(text) {
      let result = text;
      return steps.every((step) => {
        const keeps = step.keepsStart(result);
        result = step.normalize(result);
        return keeps;
      });
    },
  };
}

/** Normalisers that change a text character by character, or at its ends. */
function createSimple(config: JsonObject): (text: string) => string {
  switch (config["type"]) {
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return unicodeForm(config["type"]);
    case "Lowercase":
      return lowercase;
    case "StripAccents":
      return (text) => text.replace(everywhere(MARK), "");
    case "Strip":
      return strip(config["strip_left"] !== false, config["strip_right"] !== false);
    case "Prepend": {
      const prefix = String(config["prepend"] ?? "");
      return (text) => (text === "" ? "" : prefix + text);
    }
    case "Nmt":
      return nmt;
    case "BertNormalizer":
      return bert(config);
    case "ByteLevel":
      return (text) => Array.from(encoder.encode(text), (byte) => BYTE_CHARACTERS[byte]).join("");
    default:
      throw new Error(`Unknown Normalizer type: ${String(config["type"])}`);
  }
}

const encoder = new TextEncoder();

function everywhere(one: RegExp): RegExp {
  return new RegExp(one.source, "gu");
}

/** Each part of a text between characters that are never normalised is normalised separately. */
function unicodeForm(form: "NFC" | "NFD" | "NFKC" | "NFKD"): (text: string) => string {
  const parts = new RegExp(`(${NEVER_NORMALISED.source})`, "u");
  return (text) =>
    text
      .split(parts)
      .map((part, i) => (i % 2 === 0 ? part.normalize(form) : part))
      .join("");
}

/** One character at a time: on a whole text, JavaScript would write the last sigma of a word as ς. */
function lowercase(text: string): string {
  return text.replace(/[^\p{ASCII}]|[A-Z]+/gu, (character) => character.toLowerCase());
}

function strip(left: boolean, right: boolean): (text: string) => string {
  const spaces = [...(left ? ["^\\p{White_Space}+"] : []), ...(right ? ["\\p{White_Space}+$"] : [])];
  if (spaces.length === 0) return (text) => text;
  const pattern = new RegExp(spaces.join("|"), "gu");
  return (text) => text.replace(pattern, "");
}

/** The replacement is plain text; $1 in it has no meaning. */
function replace(config: JsonObject): Normalizer {
  const pattern = compilePattern(config["pattern"]);
  const content = String(config["content"] ?? "");
  return {
    normalize: (text) => text.replace(pattern, () => content),
    // As in the Rust tokenizers: the replacement takes the position of the last character that it replaces.
    keepsStart(text) {
      const match = text.matchAll(pattern).next().value;
      if (match === undefined || match.index > 0 || match[0] === "") return true;
      return content !== "" && match[0] === firstCharacter(text);
    },
  };
}

function nmt(text: string): string {
  return text
    .replace(everywhere(NMT_CONTROL), "")
    .replace(/[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g, " ");
}

/**
 * The blocks that BERT treats as Chinese. The seventh begins at U+2B920 in tokenizers, unlike in any other
 * implementation.
 */
const CHINESE =
  /[\u{4e00}-\u{9fff}\u{3400}-\u{4dbf}\u{20000}-\u{2a6df}\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{f900}-\u{faff}\u{2f800}-\u{2fa1f}]/gu;

function bert(config: JsonObject): (text: string) => string {
  const lowers = config["lowercase"] !== false;
  const stripsAccents = config["strip_accents"] ?? lowers;
  const decompose = unicodeForm("NFD");
  const controls = everywhere(CONTROL);
  const accents = everywhere(NONSPACING_MARK);
  return (text) => {
    let result = text;
    if (config["clean_text"] !== false) {
      result = result
        .replace(controls, "")
        .replaceAll("\0", "")
        .replace(/\p{White_Space}/gu, " ");
    }
    if (config["handle_chinese_chars"] !== false) result = result.replace(CHINESE, " $& ");
    if (stripsAccents === true) result = decompose(result).replace(accents, "");
    return lowers ? lowercase(result) : result;
  };
}
