/**
 * The one description of a model that everything after `architectures/` works on: a decoder-only transformer
 * as a residual stream that blocks read from and write to (paper, section 2, equations 1 and 2). An original
 * model and the standalone model of a circuit are both values of this type.
 *
 * Matrices are [in, out], so that a row of activations times the matrix gives the output; the token
 * embedding and the unembedding are [vocabulary, d].
 */
import type { Weight } from "./weight.ts";

export interface Transformer {
  /** Width of the residual stream, d. */
  readonly width: number;
  readonly vocabularySize: number;
  /** The longest prompt that the model takes, in tokens. */
  readonly contextLength: number;
  readonly tokenEmbedding: Weight;
  /** Learned positions, [contextLength, d]; in a standalone model also all constants before the first reader. */
  readonly positionEmbedding: Weight;
  readonly blocks: readonly Block[];
  readonly finalNorm: Norm;
  /** [vocabulary, d]. The same object as `tokenEmbedding` when the two are tied. */
  readonly unembedding: Weight;
}

/** One layer. A layer of a standalone model may have lost either part, or both. */
export interface Block {
  readonly attention: Attention | undefined;
  readonly mlp: Mlp | undefined;
}

/** LayerNorm: scale and shift are [d]. */
export interface Norm {
  /**
   * A constant that joins the residual stream just before this norm reads it, and stays in it: what pruned
   * components left behind. [d], or [positions, d] where means are aligned.
   */
  readonly residualBias?: Weight;
  readonly scale: Weight;
  readonly shift: Weight;
  readonly epsilon: number;
}

/** The affine map y = x·weight + bias; weight [in, out], bias [out]. */
export interface Linear {
  readonly weight: Weight;
  readonly bias?: Weight;
}

/** Multi-head causal attention (paper, appendix C, equations 4 to 6). */
export interface Attention {
  readonly norm: Norm;
  /** For each head that is here, its index in the original layer, ascending. */
  readonly heads: readonly number[];
  readonly headWidth: number;
  /** [d, heads × headWidth] each, one head after another. */
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  /** W_O [heads × headWidth, d], and b_O [d]. */
  readonly output: Linear;
  /** Scores are multiplied by this before the softmax; 1/√headWidth in GPT-2. */
  readonly scoreScale: number;
}

/** Names of activation functions as this project knows them: gelu-tanh is GPT-2's gelu_new. */
export type Activation = "gelu-tanh" | "gelu" | "relu" | "silu";

export interface Mlp {
  readonly norm: Norm;
  readonly activation: Activation;
  /** [d, hidden]. */
  readonly up: Linear;
  /** [hidden, d]. */
  readonly down: Linear;
}
