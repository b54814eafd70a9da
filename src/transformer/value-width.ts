/** The width of heads' values, which is that of queries and keys unless values were cut to a lower rank. */
import type { Attention } from "./transformer.ts";

/** How wide a head's value is, and so how many rows of W_O it has. */
export function valueWidthOf({ headWidth, valueWidth }: Pick<Attention, "headWidth" | "valueWidth">): number {
  return valueWidth ?? headWidth;
}
