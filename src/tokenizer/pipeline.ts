/**
 * The steps from a text to its ids: added tokens, normaliser, pre-tokenizer, model; and from tokens back to a
 * text. The order is that of the Rust tokenizers' `encode` without special tokens.
 */
import { createSectioner, type FoundToken } from "./added-tokens.ts";
import { BYTE_CHARACTERS } from "./byte-level.ts";
import { createDecoder } from "./decoders.ts";
import { isObject } from "./json.ts";
import { createModel } from "./models.ts";
import { createNormalizer } from "./normalizers.ts";
import { createPreTokenizer } from "./pre-tokenizers.ts";
import type { CheckedTokenizer } from "./tokenizer-files.ts";

interface Tokenized {
  /** An id is undefined where the vocabulary has no token for a part of the text, and no unknown token. */
  readonly ids: readonly (number | undefined)[];
  /** Whether some characters have no token and are missing from `ids`. */
  readonly lost: boolean;
}

export interface Pipeline {
  tokenize(text: string): Tokenized;
  /** @param ids each must be the id of a token. */
  decode(ids: readonly number[]): string;
}

/** @throws Error for an unknown part, or one whose fields are malformed. */
export function createPipeline(checked: CheckedTokenizer): Pipeline {
  const { tokenizer, config, model, modelIds } = checked;
  const split = config["split_special_tokens"] === true;
  const added = checked.addedTokens.map(foundToken).filter(({ special }) => !(split && special));
  const normalizer = createNormalizer(tokenizer["normalizer"]);
  const sections = createSectioner(added, normalizer);
  const preTokenize = createPreTokenizer(tokenizer["pre_tokenizer"]);
  const spell = createModel(model, modelIds);
  const unknownToken = model["unk_token"];
  const unknownId =
    checked.modelType === "Unigram"
      ? model["unk_id"]
      : modelIds.get(typeof unknownToken === "string" ? unknownToken : "");
  const unknown = typeof unknownId === "number" ? unknownId : undefined;
  // A byte-level vocabulary may lack some bytes; the model leaves out bytes that have no token.
  const mayLose =
    checked.modelType === "BPE" &&
    isByteLevel(tokenizer["decoder"]) &&
    !BYTE_CHARACTERS.every((character) => modelIds.has(character));

  const decode = createDecoder(tokenizer["decoder"]);
  // As in the Rust tokenizers: a token that is searched in the normalised text is shown in its normalised form.
  const shown = new Map(
    added
      .filter(({ normalized }) => normalized)
      .map(({ id, content }) => [id, normalizer.normalize(content)]),
  );

  return {
    tokenize(text) {
      let lost = false;
      const ids = sections(text).flatMap((section) => {
        if (section.kind === "token") return [section.id];
        return preTokenize(section).flatMap((word) => {
          const tokens = spell(word.text);
          const spelled = tokens.reduce((sum, token) => sum + token.length, 0);
          if (mayLose && spelled < word.text.length) lost = true;
          return tokens.map((token) => modelIds.get(token) ?? unknown);
        });
      });
      return { ids, lost };
    },
    decode: (ids) => decode(ids.map((id) => shown.get(id) ?? checked.tokens.get(id) ?? "")),
  };
}

function foundToken(token: CheckedTokenizer["addedTokens"][number]): FoundToken {
  const special = token["special"] === true;
  const normalized = typeof token["normalized"] === "boolean" ? token["normalized"] : !special;
  return {
    id: token.id,
    content: token.content,
    single_word: token["single_word"] === true,
    lstrip: token["lstrip"] === true,
    rstrip: token["rstrip"] === true,
    normalized,
    special,
  };
}

export function isByteLevel(decoder: unknown): boolean {
  if (!isObject(decoder)) return false;
  const { type, decoders } = decoder;
  return (
    type === "ByteLevel" || (type === "Sequence" && Array.isArray(decoders) && decoders.some(isByteLevel))
  );
}
