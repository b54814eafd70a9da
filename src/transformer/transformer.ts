/**
 * The description of a model that all code after `architectures/` uses: a decoder-only transformer as a residual
 * stream that blocks read from and write to (paper, section 2, equations 1 and 2). Differences between model
 * families are fields here, so that a family is data. An original model and the standalone model of a circuit
 * have the same parts; a standalone model is folded (`FoldedTransformer`).
 *
 * A row of activations times a matrix [in, out] gives the output; the token embedding and the unembedding are
 * [vocabulary, d].
 */
import type { Weight } from "./weight.ts";

/** A model as its checkpoint describes it. */
export interface Transformer extends Frame {
  /** Distinguishes the two types: a model of this type is not folded. */
  readonly folded?: false;
  /** The layers, first to last. */
  readonly blocks: readonly Block<Attention, Mlp>[];
}

/**
 * A model with combined constants: no part writes a bias to the residual stream; instead, a constant is added to
 * the stream before each part that reads it. `foldConstants` makes such a model.
 */
export interface FoldedTransformer extends Frame {
  /** Distinguishes the two types: a model of this type is folded. */
  readonly folded: true;
  /** The layers, first to last. */
  readonly blocks: readonly Block<Folded<Attention>, Folded<Mlp>>[];
  /** The constant that is added before the final norm, of as many rows as a part's `residualBias`. */
  readonly finalBias?: Weight | undefined;
  /**
   * Whether some constant has two rows, [2, d]: what joins at the first position, and at all others. Left out: a
   * constant of several rows has one for each position.
   */
  readonly firstPosition?: "apart" | undefined;
}

/** A model, as its checkpoint describes it or folded. */
export type AnyTransformer = Transformer | FoldedTransformer;

/** All of a model except its blocks. */
interface Frame {
  /** Width of the residual stream, d. */
  readonly width: number;
  /** How many tokens there are. */
  readonly vocabularySize: number;
  /** The longest prompt that the model accepts, in tokens. */
  readonly contextLength: number;
  /** A row for each token, [vocabulary, d]. */
  readonly tokenEmbedding: Weight;
  /** The token's row is multiplied by this; left out: 1. */
  readonly embeddingScale?: number | undefined;
  /** How the residual stream gets positions before the first block. */
  readonly positions: Positions;
  /** The norm through which the unembedding reads the residual stream. */
  readonly finalNorm: Norm;
  /** [vocabulary, d]. The same object as `tokenEmbedding` when the two are tied. */
  readonly unembedding: Weight;
  /** [vocabulary], added to the logits. */
  readonly unembeddingBias?: Weight | undefined;
  /** Logits are cap·tanh(logits / cap). */
  readonly logitCap?: number | undefined;
}

/** How the residual stream gets positions before the first block; rotary positions belong to the attention. */
export type Positions =
  | {
      /** It gets none. */
      readonly kind: "none";
    }
  | {
      /** From a table that is added to the embeddings. */
      readonly kind: "learned";
      /** [contextLength, d]; in a folded model also all constants before the first reader. */
      readonly table: Weight;
    };

/** One layer. A layer of a standalone model may lack either part, or both. */
export interface Block<A extends Attention = Attention, M extends Mlp = Mlp> {
  /**
   * Whether the MLP reads what the attention has written, or both read the same stream (GPT-NeoX, GPT-J, Phi);
   * left out: sequential. In a folded parallel block with both parts, the attention's residual bias is added
   * before both.
   */
  readonly arrangement?: "sequential" | "parallel" | undefined;
  /** The attention; undefined if none of its heads is left. */
  readonly attention: A | undefined;
  /** The MLP; undefined if it was pruned. */
  readonly mlp: M | undefined;
}

/** Fields that attention and MLPs share. */
export interface Reader {
  /** The norm through which it reads the residual stream; left out: it reads the stream directly (OLMo 2). */
  readonly norm?: Norm | undefined;
  /**
   * The norm of the part's output, biases included, before it is added to the stream (Gemma 2, OLMo 2). A bias
   * before such a norm is not a constant of the stream, so it stays in its place when a model is folded.
   */
  readonly postNorm?: Norm | undefined;
}

/** A reader of a folded model. */
export type Folded<R extends Reader> = R & {
  /**
   * A constant that is added to the residual stream just before this part reads it, and stays in it: biases, and
   * the replacements of pruned components. [d], or [positions, d] with aligned means, or [2, d] if the first position
   * is treated apart (`firstPosition`).
   */
  readonly residualBias?: Weight | undefined;
};

/** How a part normalises its input. */
export type Norm =
  | {
      /** LayerNorm: (x − mean(x)) / √(variance(x) + ε) · scale + shift. */
      readonly kind: "layer";
      /** [width]. */
      readonly scale: Weight;
      /** [width]; left out: zero. */
      readonly shift?: Weight | undefined;
      /** ε, which is added to the variance. */
      readonly epsilon: number;
    }
  | {
      /** RMSNorm: x / √(mean(x²) + ε) · scale. A family that stores scale − 1 adds the 1 when it is read. */
      readonly kind: "rms";
      /** [width]. */
      readonly scale: Weight;
      /** ε, which is added to the mean square. */
      readonly epsilon: number;
    };

/**
 * How a layer's queries, or its keys, are normalised before rotation: each head's by itself, or all heads' together.
 * The scale (and shift) of a norm of each head is [headWidth], the same for all heads (Qwen3), or [heads × headWidth],
 * each head's own (StableLM).
 */
export type ProjectionNorm = Norm | JointNorm;

/**
 * RMSNorm of all heads' queries, or keys, as one vector (OLMo 2). Heads that are pruned still count in the mean of
 * squares, so their projections stay, for this alone.
 */
export interface JointNorm {
  /** Over all heads of the original layer. */
  readonly kind: "joint";
  /** [heads here × headWidth]. */
  readonly scale: Weight;
  /** ε, which is added to the mean square. */
  readonly epsilon: number;
  /** Over how many numbers the mean is taken: the original layer's heads × headWidth. */
  readonly count: number;
  /** The projections of removed heads, [d, their number × headWidth]; left out: none. */
  readonly pruned?: Linear | undefined;
}

/** The affine map y = x·weight + bias; bias [out]. */
export interface Linear {
  /** [in, out], or [out, in] if `transposed`. */
  readonly weight: Weight;
  /** Whether the matrix is stored [out, in], as PyTorch's nn.Linear does; left out: no. */
  readonly transposed?: boolean | undefined;
  /** The bias, [out]; left out: none. */
  readonly bias?: Weight | undefined;
}

/**
 * Multi-head causal attention (paper, appendix C, equations 4 to 6). Several query heads may share one key/value
 * head; a component is a query head.
 */
export interface Attention extends Reader {
  /** For each present query head, its index in the original layer, ascending. */
  readonly heads: readonly number[];
  /**
   * For each present key/value head, its index in the original layer, ascending; in GPT-2 there is one for each
   * head.
   */
  readonly keyValueHeads: readonly number[];
  /** For each present query head, the key/value head that it reads: an index into `keyValueHeads`. */
  readonly group: readonly number[];
  /** The width of a head's query and key, and of its value unless `valueWidth` says another. */
  readonly headWidth: number;
  /** The width of a head's value, where its map to the stream was cut to a lower rank; left out: `headWidth`. */
  readonly valueWidth?: number | undefined;
  /** [d, heads × headWidth], one head after another. */
  readonly query: Linear;
  /** The keys, [d, keyValueHeads × headWidth]. */
  readonly key: Linear;
  /** The values, [d, keyValueHeads × the values' width]. */
  readonly value: Linear;
  /** W_O [heads × the values' width, d], and b_O [d]. */
  readonly output: Linear;
  /** Normalises queries before rotation; left out: no norm. */
  readonly queryNorm?: ProjectionNorm | undefined;
  /** Normalises keys before rotation; left out: no norm. */
  readonly keyNorm?: ProjectionNorm | undefined;
  /** How queries and keys are rotated by their positions; left out: not at all. */
  readonly rotary?: Rotary | undefined;
  /** Scores are multiplied by this before the softmax; 1/√headWidth in GPT-2. */
  readonly scoreScale: number;
  /** Scores are cap·tanh(scores / cap), after the scale and before the mask. */
  readonly scoreCap?: number | undefined;
  /** A query at position i sees the keys at positions j with i − j < window; left out: all before it. */
  readonly window?: number | undefined;
}

/**
 * Rotary positions (Su et al. 2021, arXiv:2104.09864): pairs of a query's and a key's elements are rotated by
 * their position.
 */
export interface Rotary {
  /** The number of a head's first elements that are rotated; the others stay. Even. */
  readonly width: number;
  /** Which elements form a pair: i and i + width/2 (Llama, GPT-NeoX), or 2i and 2i + 1 (GPT-J). */
  readonly pairs: "halves" | "interleaved";
  /** The angle of each pair at position 1, in radians; width/2 numbers. */
  readonly frequencies: readonly number[];
  /** Cosines and sines are multiplied by this (YaRN); left out: 1. */
  readonly scale?: number | undefined;
}

/** This project's names of activation functions; gelu-tanh is GPT-2's gelu_new. */
export type Activation = "gelu-tanh" | "gelu" | "relu" | "silu";

/** An MLP: W_down σ(W_up x) without a gate; W_down (σ(W_gate x) ⊙ W_up x) with one. */
export interface Mlp extends Reader {
  /** The activation function. */
  readonly activation: Activation;
  /** [d, hidden]. */
  readonly gate?: Linear | undefined;
  /** [d, hidden]. */
  readonly up: Linear;
  /** [hidden, d]. */
  readonly down: Linear;
}
