/**
 * Tiny models with seeded random weights, for laws that hold for every model: nothing in them is zero, one or
 * equal by accident, so that a term that got lost is seen.
 */
import { createRandom } from "../../src/tasks/random.ts";
import type { Linear, Norm, Transformer } from "../../src/transformer/transformer.ts";
import { constantWeight, elementCount, type Weight } from "../../src/transformer/weight.ts";

export interface RandomTransformerOptions {
  readonly layers?: number;
  /** In each layer. */
  readonly heads?: number;
  readonly headWidth?: number;
  readonly width?: number;
  readonly hidden?: number;
  readonly vocabulary?: number;
  readonly context?: number;
  readonly seed?: number;
  /** The unembedding is the token embedding. */
  readonly tied?: boolean;
}

export function randomTransformer(options: RandomTransformerOptions = {}): Transformer {
  const { layers = 3, heads = 3, headWidth = 5, width = 12, hidden = 20 } = options;
  const { vocabulary = 31, context = 12, seed = 1, tied = true } = options;
  const { nextUint32 } = createRandom(seed);
  const random = () => nextUint32() / 2 ** 32;
  const weight = (name: string, shape: readonly number[], spread: number, middle = 0): Weight =>
    constantWeight(
      name,
      shape,
      Float32Array.from({ length: elementCount(shape) }, () => middle + spread * (2 * random() - 1)),
    );
  const norm = (name: string): Norm => ({
    scale: weight(`${name}.scale`, [width], 0.5, 1),
    shift: weight(`${name}.shift`, [width], 0.5),
    epsilon: 1e-5,
  });
  const linear = (name: string, inputs: number, outputs: number): Required<Linear> => ({
    weight: weight(`${name}.weight`, [inputs, outputs], 2 / Math.sqrt(inputs)),
    bias: weight(`${name}.bias`, [outputs], 0.5),
  });
  const blocks = Array.from({ length: layers }, (_, layer) => ({
    attention: {
      norm: norm(`${layer}.attention.norm`),
      heads: Array.from({ length: heads }, (_, head) => head),
      headWidth,
      query: linear(`${layer}.query`, width, heads * headWidth),
      key: linear(`${layer}.key`, width, heads * headWidth),
      value: linear(`${layer}.value`, width, heads * headWidth),
      output: linear(`${layer}.output`, heads * headWidth, width),
      scoreScale: 1 / Math.sqrt(headWidth),
    },
    mlp: {
      norm: norm(`${layer}.mlp.norm`),
      activation: "gelu-tanh" as const,
      up: linear(`${layer}.up`, width, hidden),
      down: linear(`${layer}.down`, hidden, width),
    },
  }));
  const tokenEmbedding = weight("tokens", [vocabulary, width], 1);
  return {
    width,
    vocabularySize: vocabulary,
    contextLength: context,
    tokenEmbedding,
    positionEmbedding: weight("positions", [context, width], 1),
    blocks,
    finalNorm: norm("final"),
    unembedding: tied ? tokenEmbedding : weight("unembedding", [vocabulary, width], 1),
  };
}

/** Prompts of random tokens. */
export function randomPrompts(
  lengths: readonly number[],
  vocabulary: number,
  seed = 7,
): readonly (readonly number[])[] {
  const { below } = createRandom(seed);
  return lengths.map((length) => Array.from({ length }, () => below(vocabulary)));
}
