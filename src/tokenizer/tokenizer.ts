/**
 * Converts text to token ids and back, with the ids of the Rust tokenizers. Files are checked before they are
 * used, text is never lost silently, and single tokens have a printable form. Runs in a browser.
 */
import { PithError } from "../errors.ts";
import { printableText, quote } from "../printable.ts";
import { tokenBytes } from "./byte-level.ts";
import { createPipeline, isByteLevel } from "./pipeline.ts";
import { printableBytes } from "./printable.ts";
import { inFolder } from "./tokenizer-error.ts";
import { type CheckedTokenizer, checkTokenizerFiles, type TokenizerFiles } from "./tokenizer-files.ts";

export type { TokenizerFiles } from "./tokenizer-files.ts";

/** Turns text into token ids and back. */
export interface Tokenizer {
  /** The highest id plus one. */
  readonly vocabularySize: number;
  /** The files that are shipped with a circuit. */
  readonly files: TokenizerFiles;
  /**
   * The id put in front of a prompt when bos is asked for: the config's bos token, or its eos token, or
   * `<|endoftext|>` when the config names neither. Undefined when that token is not in the vocabulary.
   */
  readonly endOfTextId: number | undefined;
  /** The id of the config's eos token; undefined when it names none, or a token that does not exist. */
  readonly eosTokenId: number | undefined;
  /**
   * Token ids of a text. No special tokens are added, but special tokens in the text are recognised.
   * @throws PithError "tokenizer" when the vocabulary can't represent the text.
   */
  encode(text: string): number[];
  /** The text of ids, special tokens included; ids without a token give nothing. */
  decode(ids: readonly number[]): string;
  /**
   * Printable text of one token, e.g. " Mary": bytes that are not UTF-8 as \xNN, controls escaped, and `<unused
   * 50300>` for an id without a token.
   */
  tokenText(id: number): string;
}

/**
 * @param folder the files' folder, for errors.
 * @throws PithError "tokenizer" when the files are malformed.
 */
export function createTokenizer(files: TokenizerFiles, folder = ""): Tokenizer {
  const checked = checkTokenizerFiles(files, folder);
  const file = inFolder(folder, "tokenizer.json");
  const { tokenize, decode } = guard(file, "the tokenizer library refused it", () => {
    const parts = createPipeline(checked);
    // Some parts are only checked when they are used: an error is better now than at line 90 of a task.
    const probe = parts.tokenize("A b 1.").ids.filter((id) => id !== undefined && checked.tokens.has(id));
    if (probe.length > 0) parts.decode(probe.map((id) => id ?? 0));
    return parts;
  });
  const show = tokenPrinter(checked);

  return {
    vocabularySize: checked.vocabularySize,
    files,
    endOfTextId: checked.ids.get(checked.startToken ?? "<|endoftext|>"),
    eosTokenId: checked.ids.get(checked.endToken ?? ""),
    encode(text) {
      const { ids, lost } = guard(file, `could not encode ${quote(text)}`, () => tokenize(text));
      const known = ids.filter((id) => id !== undefined);
      if (lost || known.length < ids.length) {
        throw new PithError(
          "tokenizer",
          `no tokens spell all of ${quote(text)}, and none stands for the unknown`,
          { place: { file } },
        );
      }
      return known;
    },
    decode(ids) {
      const known = ids.filter((id) => checked.tokens.has(id));
      return known.length === 0 ? "" : guard(file, "could not decode", () => decode(known));
    },
    tokenText(id) {
      const token = checked.tokens.get(id);
      return token === undefined ? `<unused ${id}>` : show(token);
    },
  };
}

/** How this tokenizer's tokens are shown: by bytes, with ▁ for a space, or unchanged. */
function tokenPrinter(checked: CheckedTokenizer): (token: string) => string {
  const added = new Set(checked.addedTokens.map(({ content }) => content));
  const byteLevel = isByteLevel(checked.tokenizer["decoder"]);
  return (token) => {
    if (added.has(token)) return printableText(token);
    if (byteLevel) {
      const bytes = tokenBytes(token);
      return bytes === undefined ? printableText(token) : printableBytes(bytes);
    }
    const byte = /^<0x([0-9A-F]{2})>$/.exec(token)?.[1];
    if (byte !== undefined) return printableBytes(Uint8Array.of(Number.parseInt(byte, 16)));
    return printableText(checked.modelType === "WordPiece" ? token : token.replaceAll("▁", " "));
  };
}

/** Errors of the library do not name the file, so they are replaced by errors that do. */
function guard<T>(file: string, what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PithError("tokenizer", `${what}: ${reason}`, { place: { file }, cause });
  }
}
