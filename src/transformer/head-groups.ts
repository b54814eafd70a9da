/** Which query heads of a layer share keys and values. */
import type { Attention } from "./transformer.ts";

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
