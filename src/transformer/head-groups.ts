/** Groups of query heads that share keys and values. */
import type { Attention, Transformer } from "./transformer.ts";

type Heads = Pick<Attention, "heads" | "keyValueHeads" | "group">;

/**
 * A whole layer: query heads in equal groups, one after another. With as many groups as heads, as in GPT-2, no
 * heads share.
 */
export function groupedHeads(heads: number, keyValueHeads = heads): Heads {
  if (keyValueHeads < 1 || heads % keyValueHeads !== 0)
    throw new RangeError(`${heads} heads are not ${keyValueHeads} equal groups`);
  const each = heads / keyValueHeads;
  return {
    heads: [...Array(heads).keys()],
    keyValueHeads: [...Array(keyValueHeads).keys()],
    group: Array.from({ length: heads }, (_, head) => Math.floor(head / each)),
  };
}

/**
 * Some heads of a layer, each with its own key/value head. @param heads their indices in the layer, ascending.
 */
export function ungroupedHeads(heads: readonly number[]): Heads {
  return { heads, keyValueHeads: heads, group: [...heads.keys()] };
}

/** How many key/value heads each layer has; undefined for a model in which no heads share them. */
export function sharedKeyValueCounts({ blocks }: Transformer): readonly number[] | undefined {
  const attentions = blocks.map(({ attention }) => attention);
  const isShared = attentions.some((each) => each && each.heads.length !== each.keyValueHeads.length);
  return isShared ? attentions.map((each) => each?.keyValueHeads.length ?? 0) : undefined;
}
