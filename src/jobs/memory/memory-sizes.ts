/** The sizes of a run that its memory depends on: of the model, and of the prompts. */
import { layerBytes, wholeBlock } from "../../discovery/forward.ts";
import { countParameters } from "../../measure/parameters.ts";
import type { FileSize } from "../../runtime/room.ts";
import { linearShape } from "../../transformer/linear.ts";
import type { Mlp, Transformer } from "../../transformer/transformer.ts";
import { vocabularyParts } from "../../transformer/vocabulary-parts.ts";
import { elementCount } from "../../transformer/weight.ts";

export interface MemorySizes {
  readonly layers: number;
  /** Of the residual stream. */
  readonly width: number;
  readonly heads: number;
  /** Elements that a layer computes for each token, beside the scores of attention: the most of any layer. */
  readonly tokenElements: number;
  /** Elements that the maps which read an MLP's input write for each token: the most of any layer. */
  readonly mlpReads: number;
  /** Rows of one head's W_O. */
  readonly headWidth: number;
  /** Bytes of float32 weights. */
  readonly weights: {
    /** The largest layer. */
    readonly layer: number;
    readonly body: number;
    readonly unembedding: number;
    /** The part of it that is loaded at once. */
    readonly unembeddingPart: number;
    /** The tables of tokens and the unembedding, which every standalone model has. */
    readonly tables: number;
  };
  readonly vocabulary: number;
  readonly prompts: PromptSizes;
  /** Rows of every constant that replaces a component. */
  readonly constantRows: number;
}

interface PromptSizes {
  /** Tokens of each set. */
  readonly patching: number;
  readonly validation: number;
  readonly test: number;
  /** Of the longest prompt. */
  readonly longest: number;
  /** Answer positions: of the validation set, and of the larger of validation and test. */
  readonly validationRows: number;
  readonly mostRows: number;
}

interface Prompt {
  readonly forced: readonly number[];
  readonly scored: number;
}

export function promptSizes(sets: {
  readonly patching: readonly Prompt[];
  readonly validation: readonly Prompt[];
  readonly test: readonly Prompt[];
}): PromptSizes {
  const tokens = (set: readonly Prompt[]) => set.reduce((sum, { forced }) => sum + forced.length, 0);
  const rows = (set: readonly Prompt[]) => set.reduce((sum, { scored }) => sum + scored, 0);
  const { patching, validation, test } = sets;
  return {
    ...{ patching: tokens(patching), validation: tokens(validation), test: tokens(test) },
    longest: [...patching, ...validation, ...test].reduce(
      (most, { forced }) => Math.max(most, forced.length),
      1,
    ),
    validationRows: rows(validation),
    mostRows: Math.max(rows(validation), rows(test)),
  };
}

/** The larger of each, for tasks that are run one after another. */
export function largerOf(one: PromptSizes, other: PromptSizes): PromptSizes {
  return {
    patching: Math.max(one.patching, other.patching),
    validation: Math.max(one.validation, other.validation),
    test: Math.max(one.test, other.test),
    longest: Math.max(one.longest, other.longest),
    validationRows: Math.max(one.validationRows, other.validationRows),
    mostRows: Math.max(one.mostRows, other.mostRows),
  };
}

/** @param constantRows of the constants that replace components. */
export function memorySizes(model: Transformer, prompts: PromptSizes, constantRows: number): MemorySizes {
  const layers = model.blocks.map((_, layer) => layer);
  const largest = (sizeOf: (layer: number) => number) => Math.max(0, ...layers.map(sizeOf));
  const { width, vocabularySize: vocabulary } = model;
  const [part] = vocabularyParts(model);
  const unembedding = 4 * elementCount(model.unembedding.shape);
  const counted = countParameters(model);
  return {
    ...{ layers: layers.length, width, vocabulary, prompts, constantRows },
    heads: largest((layer) => wholeBlock(model, layer).attention.heads.length),
    tokenElements: largest((layer) => elementsOfLayer(model, layer)),
    mlpReads: largest((layer) => mlpReads(wholeBlock(model, layer).mlp)),
    headWidth: largest((layer) => wholeBlock(model, layer).attention.headWidth),
    weights: {
      layer: largest((layer) => layerBytes(model, layer)),
      body: 4 * counted.body,
      unembedding,
      unembeddingPart: 4 * elementCount(part?.model.unembedding.shape ?? []),
      tables: 4 * counted.embedding,
    },
  };
}

/** @param model the original. @param bytes of the file of a standalone model. */
export function loadedSize({ tokenEmbedding, unembedding }: Transformer, bytes: number): FileSize {
  const twice = tokenEmbedding === unembedding ? 4 * elementCount(unembedding.shape) : 0;
  return { plain: bytes, packed: bytes + twice };
}

/** An MLP's hidden activations, and as many for its gate. */
const mlpReads = ({ up, gate }: Mlp): number => (gate === undefined ? 1 : 2) * linearShape(up)[1];

/** Streams before and after each part and their norms; queries, keys, values and z; an MLP's hidden activations. */
function elementsOfLayer(model: Transformer, layer: number): number {
  const { attention, mlp } = wholeBlock(model, layer);
  const out = (linear: Parameters<typeof linearShape>[0]) => linearShape(linear)[1];
  const projected = out(attention.query) + out(attention.key) + out(attention.value);
  // Of the hidden activations, the product, what the activation function makes of it, and the gate's are held.
  const hidden = 2 * mlpReads(mlp);
  return 6 * model.width + 2 * projected + hidden;
}
