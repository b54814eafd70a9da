/**
 * The least floating-point operations of matrix products with which a search that ends in a given circuit can
 * evaluate every candidate, as ARCHITECTURE.md, section 5, lists it. It is counted from shapes alone and shares
 * no code with what it judges: the graphs count the operations that were issued.
 */
import { type Circuit, keepsMlp, keptHeads } from "../src/transformer/circuit.ts";
import type { ModelSize } from "./model-sizes.ts";

export interface LeastFlops {
  /** Means and validation passes, and the reference's distribution. */
  readonly passes: number;
  readonly candidates: number;
  readonly total: number;
  /** The number of candidates. */
  readonly count: number;
  /**
   * One forward pass over the validation prompts, with logits at the last position, and with logits at every
   * position.
   */
  readonly forwardLast: number;
  readonly forwardAll: number;
}

/** @param lowest the lowest layer whose components are tried. */
export function leastFlops(
  shape: ModelSize,
  circuit: Circuit,
  prompts: { patching: number; validation: number; length: number },
  lowest = 0,
): LeastFlops {
  const { layers, heads, keyValueHeads, headWidth, width: d, mlpWidth, vocabulary } = shape;
  const { patching, validation, length } = prompts;
  const all = validation * length;

  const product = (rows: number, inner: number, columns: number) => 2 * rows * inner * columns;
  // Two matrices; a gate is a third.
  const reading = shape.family === "llama" ? 2 : 1;
  const mlp = (rows: number) => (reading + 1) * product(rows, d, mlpWidth);
  // A layer's MLP for all heads on trial: each from the stream, or from the products of the stream and of each head's W_O
  // with the matrices that read them.
  const triedMlps = (rows: number) =>
    Math.min(
      heads * mlp(rows),
      reading * (product(rows, d, mlpWidth) + product(heads * headWidth, d, mlpWidth)) +
        heads * (reading * product(rows, headWidth, mlpWidth) + product(rows, mlpWidth, d)),
    );
  const unembedding = (rows: number) => product(rows, d, vocabulary);
  // The kept heads are a layer's first, and read its first heads of keys and values.
  const readBy = (count: number) => Math.ceil(count / (heads / keyValueHeads));
  /** `count` heads with queries at `queries` positions of `set` prompts: projections, scores, values, output. */
  const attention = (count: number, set: number, queries: number, output = true) =>
    product(set * length, d, 2 * readBy(count) * headWidth) +
    product(set * queries, d, count * headWidth) +
    2 * product(set * count * queries, headWidth, length) +
    (output ? product(set * queries, count * headWidth, d) : 0);
  const layer = (set: number) => attention(heads, set, length) + mlp(set * length);

  // The last layer is read at the answer position only. W_O is applied to means once per head, not once per
  // prompt.
  const lastLayer = (set: number) => attention(heads, set, 1) + mlp(set);
  const passes =
    (layers - 1) * (layer(patching) + layer(validation)) +
    lastLayer(patching) +
    lastLayer(validation) +
    // The reference's distribution: its product with the unembedding.
    2 * unembedding(validation);

  let candidates = 0;
  let count = 0;
  let upper = unembedding(validation);
  let readsAll = false;
  for (let index = layers - 1; index >= lowest; index--) {
    const rows = readsAll ? all : validation;
    const queries = readsAll ? length : 1;
    const kept = keptHeads(circuit, index).length;
    candidates += attention(heads, validation, queries);
    candidates += heads * (product(rows, headWidth, d) + upper) + triedMlps(rows) + upper;
    count += heads + 1;
    if (keepsMlp(circuit, index)) upper += mlp(rows);
    if (kept > 0) {
      upper += attention(kept, validation, queries);
      readsAll = true;
    }
  }
  const body = layers * layer(validation);
  return {
    passes,
    candidates,
    total: passes + candidates,
    count,
    forwardLast: body + unembedding(validation),
    forwardAll: body + unembedding(validation * length),
  };
}
