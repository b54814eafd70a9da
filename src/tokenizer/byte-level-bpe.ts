/**
 * Makes a `tokenizer.json`, which every current tool reads, from the older form of a byte-level BPE tokenizer:
 * `vocab.json` + `merges.txt` as GPT-2 published it.
 */
import { PithError } from "../errors.ts";
import { quote } from "../printable.ts";
import { applyDeclarations } from "./apply-declarations.ts";
import type { DeclaringFiles } from "./declared-tokens.ts";
import { inFolder, tokenizerError } from "./tokenizer-error.ts";
import type { TokenizerFiles } from "./tokenizer-files.ts";
import { checkDense, checkMerge, isPair } from "./vocabulary.ts";

/** The files of the folder; absent files are undefined. */
export interface ByteLevelBpeParts extends Omit<DeclaringFiles, "tokenizer"> {
  /** `vocab.json`: token → id. */
  readonly vocabulary: unknown;
  /** The text of `merges.txt`. */
  readonly merges: string;
}

/**
 * Classes whose two files use GPT-2's pre-tokenizer; other classes of this form (CLIP, Qwen2) split words
 * differently.
 */
const GPT2_CLASSES: readonly string[] = ["GPT2Tokenizer", "CodeGenTokenizer"];

/**
 * The two files for {@link createTokenizer}, equivalent to Hugging Face's conversion.
 * @param folder put in front of the file names in errors.
 * @throws PithError "tokenizer" that names the file, and for merges the line.
 */
export function buildByteLevelBpe(parts: ByteLevelBpeParts, folder = ""): TokenizerFiles {
  const given = parts.config ?? {};
  const className = given["tokenizer_class"];
  if (typeof className === "string" && !GPT2_CLASSES.includes(className.replace(/Fast$/, ""))) {
    throw tokenizerError(
      inFolder(folder, "tokenizer_config.json"),
      "tokenizer_class",
      `vocab.json and merges.txt of a ${className} can't be read.`,
      "Save the tokenizer as tokenizer.json.",
    );
  }
  const ids = checkDense(parts.vocabulary, inFolder(folder, "vocab.json"), "");
  const merges = parseMerges(parts.merges, ids, inFolder(folder, "merges.txt"));
  const tokenizer = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: { type: "ByteLevel", add_prefix_space: true, trim_offsets: false, use_regex: true },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(ids),
      merges: merges.map(([left, right]) => [left, right]),
    },
  };
  const config = {
    // Without this, the libraries turn " ." into "." when they decode.
    clean_up_tokenization_spaces: false,
    ...given,
    tokenizer_class: "GPT2Tokenizer",
    add_prefix_space: given["add_prefix_space"] === true,
  };
  const { specialTokensMap, addedTokens, modelConfig } = parts;
  return applyDeclarations({ tokenizer, config, specialTokensMap, addedTokens, modelConfig }, folder);
}

/**
 * `merges.txt` has one merge a line, two tokens with a space between, most frequent first. Lines that begin with
 * `#version` are a header; empty lines at the end are ignored.
 */
function parseMerges(
  text: string,
  ids: ReadonlyMap<string, number>,
  file: string,
): readonly (readonly [string, string])[] {
  const lines = text
    .replace(/^\uFEFF/, "")
    .trimEnd()
    .split("\n");
  return lines.flatMap((raw, i) => {
    const line = raw.replace(/\r$/, "");
    if (line.startsWith("#version") || (line === "" && lines.length === 1)) return [];
    const place = { file, line: i + 1 };
    const pair = line.split(" ");
    if (!isPair(pair)) {
      const found = quote(line);
      throw new PithError("tokenizer", `expected two tokens with one space between, found ${found}`, {
        place,
      });
    }
    checkMerge(pair, ids, place);
    return [pair];
  });
}
