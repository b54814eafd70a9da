/**
 * Truly removes heads (paper, appendix C): their columns of W_Q, W_K, W_V and rows of W_O go, and with them
 * their biases. b_O belongs to no head and stays.
 */
import { sliceColumns, sliceRows, sliceVector } from "./slice.ts";
import type { Attention, Linear } from "./transformer.ts";

/** @param heads indices in the original layer, ascending, at least one. */
export function keepHeads(attention: Attention, heads: readonly number[]): Attention {
  if (heads.length === attention.heads.length) return attention;
  const { headWidth } = attention;
  const ranges = heads.map((head): readonly [number, number] => {
    const at = attention.heads.indexOf(head);
    if (at < 0) throw new RangeError(`head ${head} is not in this layer`);
    return [at * headWidth, (at + 1) * headWidth];
  });
  const columns = ({ weight, bias }: Linear): Linear => ({
    weight: sliceColumns(weight, ranges),
    ...(bias && { bias: sliceVector(bias, ranges) }),
  });
  return {
    ...attention,
    heads,
    query: columns(attention.query),
    key: columns(attention.key),
    value: columns(attention.value),
    output: { ...attention.output, weight: sliceRows(attention.output.weight, ranges) },
  };
}
