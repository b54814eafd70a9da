/**
 * Splits a model's unembedding into parts. It is the largest matrix of a model with many tokens, and loading a
 * matrix into the runtime takes several times its size for a moment. Parts keep that moment small.
 */
import { sliceRows, sliceVector } from "./slice.ts";
import type { Transformer } from "./transformer.ts";
import { elementCount } from "./weight.ts";

/** A model whose unembedding is some of the rows of the whole one. */
export interface VocabularyPart {
  /** The first of its tokens. */
  readonly start: number;
  readonly model: Transformer;
}

/** 256 MiB of float32: GPT-2's is one part. */
const mostElements = 2 ** 26;

/** @param most elements of a part's unembedding. */
export function vocabularyParts(model: Transformer, most: number = mostElements): readonly VocabularyPart[] {
  const { unembedding, unembeddingBias, vocabularySize, width } = model;
  const count = Math.ceil(elementCount(unembedding.shape) / most);
  if (count <= 1) return [{ start: 0, model }];
  // The parts have nearly the same size: a last part of a few rows would cost a session of its own.
  const rows = Math.min(Math.ceil(vocabularySize / count), Math.max(1, Math.floor(most / width)));
  return Array.from({ length: Math.ceil(vocabularySize / rows) }, (_, part) => {
    const range = [part * rows, Math.min(vocabularySize, (part + 1) * rows)] as const;
    return {
      start: range[0],
      model: {
        ...model,
        vocabularySize: range[1] - range[0],
        unembedding: sliceRows(unembedding, [range]),
        ...(unembeddingBias && { unembeddingBias: sliceVector(unembeddingBias, [range]) }),
      },
    };
  });
}
