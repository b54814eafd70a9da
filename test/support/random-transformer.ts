/**
 * Tiny models with seeded random weights, for properties that hold for every model. No weight is zero, one or
 * equal to another by accident, so that a missing term is noticed.
 */
import { createRandom } from "../../src/tasks/random.ts";
import { groupedHeads } from "../../src/transformer/head-groups.ts";
import type {
  Activation,
  Attention,
  Block,
  Linear,
  Norm,
  ProjectionNorm,
  Transformer,
} from "../../src/transformer/transformer.ts";
import { constantWeight, elementCount, type Weight } from "../../src/transformer/weight.ts";

export interface RandomTransformerOptions {
  readonly layers?: number;
  /** Heads of each layer. */
  readonly heads?: number;
  /** Key/value heads; by default as many as heads. */
  readonly keyValueHeads?: number;
  readonly headWidth?: number;
  readonly width?: number;
  readonly hidden?: number;
  readonly vocabulary?: number;
  readonly context?: number;
  readonly seed?: number;
  /** Whether the unembedding is the token embedding. */
  readonly tied?: boolean;
  readonly norm?: Norm["kind"];
  /** Whether all maps have biases. */
  readonly biases?: boolean;
  readonly activation?: Activation;
  readonly gated?: boolean;
  readonly positions?: "learned" | "halves" | "interleaved";
  /**
   * The number of a head's elements that are rotated, with rotary positions; by default as many as form pairs.
   */
  readonly rotaryWidth?: number;
  /** How queries and keys are normalised: each head, by one scale for all or by its own; or all heads together. */
  readonly projectionNorms?: "shared" | "own" | "joint" | undefined;
  /** Matrices are stored [out, in]. */
  readonly transposed?: boolean;
  readonly arrangement?: "sequential" | "parallel";
  readonly window?: number;
  readonly scoreCap?: number;
  readonly embeddingScale?: number;
  /** Whether there is a norm after attention and one after the MLP. */
  readonly postNorms?: boolean;
  readonly logitCap?: number;
}

/** Draws one weight after another. */
type Draw = (name: string, shape: readonly number[], spread: number, middle?: number) => Weight;

export function randomTransformer(options: RandomTransformerOptions = {}): Transformer {
  const { layers = 3, width = 12, vocabulary = 31, context = 12, seed = 1, tied = true } = options;
  const { nextUint32 } = createRandom(seed);
  const random = () => nextUint32() / 2 ** 32;
  const draw: Draw = (name, shape, spread, middle = 0) =>
    constantWeight(
      name,
      shape,
      Float32Array.from({ length: elementCount(shape) }, () => middle + spread * (2 * random() - 1)),
    );
  const blocks = Array.from({ length: layers }, (_, layer) => randomBlock(draw, layer, width, options));
  const tokenEmbedding = draw("tokens", [vocabulary, width], 1);
  return {
    width,
    vocabularySize: vocabulary,
    contextLength: context,
    tokenEmbedding,
    embeddingScale: options.embeddingScale,
    positions:
      (options.positions ?? "learned") === "learned"
        ? { kind: "learned", table: draw("positions", [context, width], 1) }
        : { kind: "none" },
    blocks,
    finalNorm: randomNorm(draw, "final", width, options),
    logitCap: options.logitCap,
    unembedding: tied ? tokenEmbedding : draw("unembedding", [vocabulary, width], 1),
  };
}

function randomBlock(draw: Draw, layer: number, width: number, options: RandomTransformerOptions): Block {
  const { heads = 3, headWidth = 5, hidden = 20, activation = "gelu-tanh", gated = false } = options;
  const { keyValueHeads = heads, window, scoreCap, arrangement } = options;
  const linear = (name: string, inputs: number, outputs: number) =>
    randomLinear(draw, `${layer}.${name}`, inputs, outputs, options);
  const postNorm = (part: string) =>
    options.postNorms ? { postNorm: randomNorm(draw, `${layer}.${part}.post`, width, options) } : {};
  return {
    ...(arrangement && { arrangement }),
    attention: {
      ...postNorm("attention"),
      norm: randomNorm(draw, `${layer}.attention.norm`, width, options),
      ...groupedHeads(heads, keyValueHeads),
      headWidth,
      query: linear("query", width, heads * headWidth),
      key: linear("key", width, keyValueHeads * headWidth),
      value: linear("value", width, keyValueHeads * headWidth),
      output: linear("output", heads * headWidth, width),
      ...(options.projectionNorms && {
        queryNorm: randomProjectionNorm(draw, `${layer}.query.norm`, heads, headWidth, options),
        keyNorm: randomProjectionNorm(draw, `${layer}.key.norm`, keyValueHeads, headWidth, options),
      }),
      ...rotaryOf(headWidth, options),
      ...(window !== undefined && { window }),
      ...(scoreCap !== undefined && { scoreCap }),
      scoreScale: 1 / Math.sqrt(headWidth),
    },
    mlp: {
      ...postNorm("mlp"),
      norm: randomNorm(draw, `${layer}.mlp.norm`, width, options),
      activation,
      ...(gated && { gate: linear("gate", width, hidden) }),
      up: linear("up", width, hidden),
      down: linear("down", hidden, width),
    },
  };
}

function randomProjectionNorm(
  draw: Draw,
  name: string,
  heads: number,
  headWidth: number,
  options: RandomTransformerOptions,
): ProjectionNorm {
  const count = heads * headWidth;
  switch (options.projectionNorms) {
    case "joint":
      return { kind: "joint", scale: draw(`${name}.scale`, [count], 0.5, 1), epsilon: 1e-5, count };
    case "own":
      return randomNorm(draw, name, count, options);
    default:
      return randomNorm(draw, name, headWidth, options);
  }
}

function randomNorm(
  draw: Draw,
  name: string,
  width: number,
  { norm = "layer" }: RandomTransformerOptions,
): Norm {
  const scale = draw(`${name}.scale`, [width], 0.5, 1);
  return norm === "rms"
    ? { kind: "rms", scale, epsilon: 1e-5 }
    : { kind: "layer", scale, shift: draw(`${name}.shift`, [width], 0.5), epsilon: 1e-5 };
}

function randomLinear(
  draw: Draw,
  name: string,
  inputs: number,
  outputs: number,
  { biases = true, transposed = false }: RandomTransformerOptions,
): Linear {
  return {
    weight: draw(`${name}.weight`, transposed ? [outputs, inputs] : [inputs, outputs], 2 / Math.sqrt(inputs)),
    ...(transposed && { transposed }),
    ...(biases && { bias: draw(`${name}.bias`, [outputs], 0.5) }),
  };
}

function rotaryOf(headWidth: number, options: RandomTransformerOptions): Pick<Attention, "rotary"> {
  const { positions = "learned", rotaryWidth = headWidth - (headWidth % 2) } = options;
  if (positions === "learned" || rotaryWidth === 0) return {};
  const frequencies = Array.from({ length: rotaryWidth / 2 }, (_, pair) => 10 ** (-pair / rotaryWidth));
  return { rotary: { width: rotaryWidth, pairs: positions, frequencies } };
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
