/**
 * Pre-tokenizers of tokenizer.json: they cut a text into the words that the model then turns into tokens, with
 * the results of the Rust tokenizers. Those of the JavaScript library differ in what counts as a letter, a space,
 * a digit or punctuation beyond ASCII, and lack some behaviours.
 */
import { BYTE_CHARACTERS } from "./byte-level.ts";
import { PUNCTUATION } from "./character-sets.ts";
import { isObject, type JsonObject } from "./json.ts";
import { compilePattern } from "./pattern.ts";
import { type Piece, type SplitBehavior, splitPiece } from "./split-text.ts";

export type PreTokenizer = (piece: Piece) => readonly Piece[];

/** @throws Error for an unknown pre-tokenizer, or one whose fields are malformed. */
export function createPreTokenizer(config: unknown): PreTokenizer {
  if (config === null || config === undefined) return (piece) => [piece];
  if (!isObject(config)) throw new Error("a pre_tokenizer is no object");
  switch (config["type"]) {
    case "Whitespace":
      return (piece) => splitPiece(piece, WORDS, "Removed", true);
    case "WhitespaceSplit":
      return (piece) => splitPiece(piece, SPACE, "Removed");
    case "BertPreTokenizer":
      return (piece) =>
        splitPiece(piece, SPACE, "Removed").flatMap((word) => splitPiece(word, PUNCTUATION_MARK, "Isolated"));
    case "Punctuation": {
      const behavior = behaviorOf(config, "Isolated");
      return (piece) => splitPiece(piece, PUNCTUATION_MARK, behavior);
    }
    case "Digits": {
      const behavior = config["individual_digits"] === true ? "Isolated" : "Contiguous";
      return (piece) => splitPiece(piece, DIGIT, behavior);
    }
    case "CharDelimiterSplit": {
      const delimiter = compilePattern({ String: config["delimiter"] });
      return (piece) => splitPiece(piece, delimiter, "Removed");
    }
    case "Split": {
      const pattern = compilePattern(config["pattern"]);
      const behavior = behaviorOf(config, undefined);
      return (piece) => splitPiece(piece, pattern, behavior, config["invert"] === true);
    }
    case "FixedLength": {
      const pattern = new RegExp(`[^]{1,${Number(config["length"] ?? 5)}}`, "gu");
      return (piece) => splitPiece(piece, pattern, "Isolated");
    }
    case "ByteLevel":
      return byteLevel(config);
    case "Metaspace":
      return metaspace(config);
    case "Sequence": {
      const steps = (config["pretokenizers"] as readonly unknown[]).map(createPreTokenizer);
      return (piece) => steps.reduce<readonly Piece[]>((pieces, step) => pieces.flatMap(step), [piece]);
    }
    default:
      throw new Error(`Unknown PreTokenizer type: ${String(config["type"])}`);
  }
}

/** `\w` as the regex crate defines it. */
const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
const WORDS = new RegExp(`[${WORD}]+|[^${WORD}\\p{White_Space}]+`, "gu");
const SPACE = /\p{White_Space}/gu;
const DIGIT = /\p{N}/gu;
const PUNCTUATION_MARK = new RegExp(PUNCTUATION.source, "gu");

/** GPT-2's pattern. */
const GPT2 = compilePattern({
  Regex: "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
});

const encoder = new TextEncoder();

/** Words by GPT-2's pattern, unless `use_regex` is false; each byte is written as one printable character. */
function byteLevel(config: JsonObject): PreTokenizer {
  const prefixed = config["add_prefix_space"] === true;
  const splits = config["use_regex"] !== false;
  return ({ text, first }) => {
    const piece = { text: prefixed && !text.startsWith(" ") ? ` ${text}` : text, first };
    return (splits ? splitPiece(piece, GPT2, "Isolated") : [piece]).map((word) => ({
      ...word,
      text: Array.from(encoder.encode(word.text), (byte) => BYTE_CHARACTERS[byte]).join(""),
    }));
  };
}

/** Writes each space as ▁, adds one before the text where the scheme asks for it, and begins a word at each ▁. */
function metaspace(config: JsonObject): PreTokenizer {
  const replacement = String(config["replacement"] ?? "▁");
  const delimiter = compilePattern({ String: replacement });
  const scheme = config["add_prefix_space"] === false ? "never" : (config["prepend_scheme"] ?? "always");
  return ({ text, first }) => {
    const replaced = text.replaceAll(" ", replacement);
    const prefixed =
      !replaced.startsWith(replacement) && (scheme === "always" || (scheme === "first" && first));
    const piece = { text: prefixed ? replacement + replaced : replaced, first };
    return config["split"] === false ? [piece] : splitPiece(piece, delimiter, "MergedWithNext");
  };
}

const BEHAVIORS: readonly SplitBehavior[] = [
  ...(["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const),
];

function behaviorOf({ behavior }: JsonObject, standard: SplitBehavior | undefined): SplitBehavior {
  const found = behavior === undefined ? standard : BEHAVIORS.find((known) => known === behavior);
  if (found === undefined) throw new Error(`Unknown split behavior: ${String(behavior)}`);
  return found;
}
