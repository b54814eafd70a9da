/**
 * Text to token ids and back: a thin wrapper over `@huggingface/tokenizers` that adds what Pith needs and the
 * library doesn't have: files that are checked before they are trusted, text that is never lost in silence,
 * and a printable form of a single token. Runs in a browser.
 */
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { PithError } from "../errors.ts";
import { printableText, quote } from "../printable.ts";
import { BYTE_CHARACTERS, exactByteLevel, tokenBytes } from "./byte-level.ts";
import { isObject } from "./json.ts";
import { printableBytes } from "./printable.ts";
import { inFolder } from "./tokenizer-error.ts";
import { type CheckedTokenizer, checkTokenizerFiles, type TokenizerFiles } from "./tokenizer-files.ts";

export type { TokenizerFiles } from "./tokenizer-files.ts";

export interface Tokenizer {
  /** Highest id + 1. */
  readonly vocabularySize: number;
  /** The files to be shipped with a circuit. */
  readonly files: TokenizerFiles;
  /**
   * The id put in front of a prompt when bos is asked for: the config's bos token, or its eos token, or
   * `<|endoftext|>` when the config names neither. Undefined when that token is not in the vocabulary.
   */
  readonly endOfTextId: number | undefined;
  /**
   * Token ids of a text; no special tokens are added, but those that stand in the text are recognised.
   * @throws PithError "tokenizer" when the vocabulary can't spell the text.
   */
  encode(text: string): number[];
  /** The text of ids, special tokens included; ids that no token has give nothing. */
  decode(ids: readonly number[]): string;
  /**
   * Printable text of one token, e.g. " Mary": bytes that are no UTF-8 as \xNN, controls escaped, and
   * `<unused 50300>` for an id that no token has.
   */
  tokenText(id: number): string;
}

/**
 * @param folder where the files are from, for errors.
 * @throws PithError "tokenizer" when the files are not what they should be.
 */
export function createTokenizer(files: TokenizerFiles, folder = ""): Tokenizer {
  const checked = checkTokenizerFiles(files, folder);
  const file = inFolder(folder, "tokenizer.json");
  const library = guard(file, "the tokenizer library refused it", () => {
    const preTokenizer = exactByteLevel(checked.tokenizer["pre_tokenizer"]);
    const library = new Library({ ...checked.tokenizer, pre_tokenizer: preTokenizer }, checked.config);
    // Some parts are only looked at when they are used: better to learn it now than at line 90 of a task.
    const probe = library.encode("A b 1.", { add_special_tokens: false }).ids;
    if (probe.length > 0) library.decode(probe.map((id) => id ?? 0));
    return library;
  });
  const spellsAllBytes = BYTE_CHARACTERS.every((character) => checked.ids.has(character));
  const losesText =
    isByteLevel(checked.tokenizer["decoder"]) && checked.modelType === "BPE" && !spellsAllBytes;
  const added = new Set(checked.addedTokens.map(({ content }) => content));
  const show = tokenPrinter(checked, added);

  return {
    vocabularySize: checked.vocabularySize,
    files,
    endOfTextId: checked.ids.get(checked.startToken ?? "<|endoftext|>"),
    encode(text) {
      const { ids, tokens } = guard(file, `could not encode ${quote(text)}`, () =>
        library.encode(text, { add_special_tokens: false }),
      );
      const unknown = ids.findIndex((id) => !Number.isInteger(id));
      if (
        unknown >= 0 ||
        (losesText && spelledLength(tokens, added) < new TextEncoder().encode(text).length)
      ) {
        throw new PithError(
          "tokenizer",
          `no tokens spell all of ${quote(text)}, and none stands for the unknown`,
          {
            place: { file },
          },
        );
      }
      return ids;
    },
    decode(ids) {
      const known = ids.filter((id) => library.id_to_token(id) !== undefined);
      if (known.length === 0) return "";
      return guard(file, "could not decode", () =>
        library.decode(known, { clean_up_tokenization_spaces: false }),
      );
    },
    tokenText(id) {
      const token = library.id_to_token(id);
      return token === undefined ? `<unused ${id}>` : show(token);
    },
  };
}

/** How this tokenizer's tokens are shown: by bytes, with ▁ for a space, or as they are. */
function tokenPrinter(checked: CheckedTokenizer, added: ReadonlySet<string>): (token: string) => string {
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

function isByteLevel(decoder: unknown): boolean {
  if (!isObject(decoder)) return false;
  const { type, decoders } = decoder;
  return (
    type === "ByteLevel" || (type === "Sequence" && Array.isArray(decoders) && decoders.some(isByteLevel))
  );
}

/** Bytes of text that byte-level tokens stand for: one a character, except in added tokens. */
function spelledLength(tokens: readonly string[], added: ReadonlySet<string>): number {
  return tokens.reduce(
    (sum, token) => sum + (added.has(token) ? new TextEncoder().encode(token).length : token.length),
    0,
  );
}

/** What the library throws says nothing of the file that it came from. */
function guard<T>(file: string, what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PithError("tokenizer", `${what}: ${reason}`, { place: { file }, cause });
  }
}
