/** Which query heads of a layer share keys and values. */
import type { Attention, Transformer } from "./transformer.ts";

type Heads = Pick<Attention, "heads" | "keyValueHeads" | "group">;

/** A whole layer: query heads in equal groups, one after another; as many groups as heads, as in GPT-2: none shares. */
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

/** Some heads of a layer, each with keys and values of its own. @param heads their indices there, ascending. */
export function ungroupedHeads(heads: readonly number[]): Heads {
  return { heads, keyValueHeads: heads, group: [...heads.keys()] };
}

/** How many heads of keys and values each layer has; undefined of a model of which no heads share them. */
export function sharedKeyValueCounts({ blocks }: Transformer): readonly number[] | undefined {
  const attentions = blocks.map(({ attention }) => attention);
  const isShared = attentions.some((each) => each && each.heads.length !== each.keyValueHeads.length);
  return isShared ? attentions.map((each) => each?.keyValueHeads.length ?? 0) : undefined;
}
