/**
 * Removes heads from the weights (paper, appendix C): their columns of W_Q and rows of W_O, with their biases. A
 * key/value head is removed with the last query head that reads it. b_O belongs to no head and stays. A norm of all
 * heads together keeps the projections of the heads that are removed.
 */
import { joinOutputs, linearShape, sliceInputs, sliceOutputs } from "./linear.ts";
import { type Range, sliceVector } from "./slice.ts";
import type { Attention, Linear, Norm, ProjectionNorm } from "./transformer.ts";
import { valueWidthOf } from "./value-width.ts";

/** @param heads indices in the original layer, ascending, at least one. */
export function keepHeads<A extends Attention>(attention: A, heads: readonly number[]): A {
  if (heads.length === attention.heads.length) return attention;
  const { headWidth, query, key, queryNorm, keyNorm } = attention;
  const places = heads.map((head): number => {
    const at = attention.heads.indexOf(head);
    if (at < 0) throw new RangeError(`head ${head} is not in this layer`);
    return at;
  });
  const read = places.map((at) => attention.group[at] ?? 0);
  const stays = [...attention.keyValueHeads.keys()].filter((at) => read.includes(at));
  const ranges = (kept: readonly number[], width = headWidth) =>
    kept.map((at): Range => [at * width, (at + 1) * width]);
  const valueWidth = valueWidthOf(attention);
  return {
    ...attention,
    heads,
    keyValueHeads: stays.map((at) => attention.keyValueHeads[at] ?? 0),
    group: read.map((at) => stays.indexOf(at)),
    query: sliceOutputs(query, ranges(places)),
    key: sliceOutputs(key, ranges(stays)),
    value: sliceOutputs(attention.value, ranges(stays, valueWidth)),
    output: sliceInputs(attention.output, ranges(places, valueWidth)),
    ...(queryNorm && { queryNorm: keepNormed(queryNorm, query, ranges(places), headWidth) }),
    ...(keyNorm && { keyNorm: keepNormed(keyNorm, key, ranges(stays), headWidth) }),
  };
}

/**
 * The norm of the remaining projections. A joint norm also needs the removed ones, and their columns are the
 * smallest form: heads share the width of the stream (OLMo 2), so a quadratic form of the stream would not have
 * fewer numbers as a matrix.
 * @param projection of all heads before. @param kept ranges of its outputs.
 */
function keepNormed(
  norm: ProjectionNorm,
  projection: Linear,
  kept: readonly Range[],
  headWidth: number,
): ProjectionNorm {
  if (norm.kind !== "joint") return keepScales(norm, kept, headWidth);
  const [, outputs] = linearShape(projection);
  const starts = new Set(kept.map(([start]) => start));
  const others = Array.from(
    { length: outputs / headWidth },
    (_, head): Range => [head * headWidth, (head + 1) * headWidth],
  ).filter(([start]) => !starts.has(start));
  if (others.length === 0) return norm;
  const pruned = sliceOutputs(projection, others);
  return {
    ...norm,
    scale: sliceVector(norm.scale, kept),
    pruned: norm.pruned === undefined ? pruned : joinOutputs([norm.pruned, pruned]),
  };
}

/** The scales of a norm of each head, for the remaining heads; a scale that all heads share does not change. */
function keepScales(norm: Norm, kept: readonly Range[], headWidth: number): Norm {
  if (norm.scale.shape[0] === headWidth) return norm;
  const scale = sliceVector(norm.scale, kept);
  return norm.kind === "rms" || norm.shift === undefined
    ? { ...norm, scale }
    : { ...norm, scale, shift: sliceVector(norm.shift, kept) };
}
