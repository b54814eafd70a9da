/**
 * Splits a matrix of query, key and value whose outputs are ordered by groups: the queries of the heads that
 * share a key and a value, then that key, then that value. GPT-NeoX has one group for each head; Falcon has one
 * in all, or several.
 */
import type { Range } from "../transformer/slice.ts";
import { type LayerTensors, readFused, readStoredOutIn } from "./layered-decoder.ts";

export const groupedProjections: LayerTensors["projections"] = (tensors, config, name) => {
  const { width, heads, keyValueHeads: groups, headWidth, biases } = config;
  const each = heads / groups;
  const outputs = (heads + 2 * groups) * headWidth;
  const part = readFused(tensors, `${name}.query_key_value`, [width, outputs], biases.queryKeyValue);
  const inEachGroup = (first: number, count: number): readonly Range[] =>
    Array.from({ length: groups }, (_, group) => {
      const start = (group * (each + 2) + first) * headWidth;
      return [start, start + count * headWidth];
    });
  return {
    query: part(inEachGroup(0, each)),
    key: part(inEachGroup(each, 1)),
    value: part(inEachGroup(each + 1, 1)),
    output: readStoredOutIn(tensors, `${name}.dense`, [heads * headWidth, width], biases.output),
  };
};
