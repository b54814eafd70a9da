/**
 * The models that turn a word into tokens. BPE and WordPiece come from the library; it is called for one word at
 * a time, because it would join the unknown tokens of neighbouring words.
 */
import { BPE, WordPiece } from "@huggingface/tokenizers";
import type { JsonObject } from "./json.ts";
import { createUnigram } from "./unigram.ts";

/** A word's tokens; a token that is not in the vocabulary stands for the unknown token. */
export type SpellWord = (word: string) => readonly string[];

/** @param model checked, with its `type`. @param ids of the model's own tokens. */
export function createModel(model: JsonObject, ids: ReadonlyMap<string, number>): SpellWord {
  switch (model["type"]) {
    case "BPE": {
      const library = new BPE(model as unknown as ConstructorParameters<typeof BPE>[0]);
      return (word) => library._call([word]);
    }
    case "WordPiece": {
      const library = new WordPiece(model as unknown as ConstructorParameters<typeof WordPiece>[0]);
      return (word) => library._call([word]);
    }
    case "WordLevel":
      return (word) => [ids.has(word) ? word : String(model["unk_token"] ?? "")];
    default:
      return createUnigram(model, ids);
  }
}
