/**
 * Removes heads from the weights (paper, appendix C): their columns of W_Q and rows of W_O, with their biases. A
 * key/value head is removed with the last query head that reads it. b_O belongs to no head and stays.
 */
import { sliceInputs, sliceOutputs } from "./linear.ts";
import type { Range } from "./slice.ts";
import type { Attention } from "./transformer.ts";

/** @param heads indices in the original layer, ascending, at least one. */
export function keepHeads<A extends Attention>(attention: A, heads: readonly number[]): A {
  if (heads.length === attention.heads.length) return attention;
  const { headWidth } = attention;
  const places = heads.map((head): number => {
    const at = attention.heads.indexOf(head);
    if (at < 0) throw new RangeError(`head ${head} is not in this layer`);
    return at;
  });
  const read = places.map((at) => attention.group[at] ?? 0);
  const stays = [...attention.keyValueHeads.keys()].filter((at) => read.includes(at));
  const ranges = (kept: readonly number[]) => kept.map((at): Range => [at * headWidth, (at + 1) * headWidth]);
  return {
    ...attention,
    heads,
    keyValueHeads: stays.map((at) => attention.keyValueHeads[at] ?? 0),
    group: read.map((at) => stays.indexOf(at)),
    query: sliceOutputs(attention.query, ranges(places)),
    key: sliceOutputs(attention.key, ranges(stays)),
    value: sliceOutputs(attention.value, ranges(stays)),
    output: sliceInputs(attention.output, ranges(places)),
  };
}
