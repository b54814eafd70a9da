/**
 * The models that spell a word in tokens. BPE and WordPiece are the library's, asked for one word at a time: it
 * would join the unknown tokens of neighbouring words.
 */
import { BPE, WordPiece } from "@huggingface/tokenizers";
import type { JsonObject } from "./json.ts";
import { createUnigram } from "./unigram.ts";

/** A word's tokens; one that is not in the vocabulary stands for the unknown. */
export type SpellWord = (word: string) => readonly string[];

/** @param model checked; its `type` is named. @param ids the model's own tokens. */
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
