/** To what rank heads were cut, for people. */
import type { HeadRankRecord } from "./head-rank-record.ts";

/** The ranks of a circuit's layers as text, "16" or "12 to 20", and the whole ones; undefined where no head is kept. */
export function rankTexts({
  layers,
}: HeadRankRecord): { readonly rank: string; readonly of: string } | undefined {
  if (layers.length === 0) return undefined;
  const range = (values: readonly number[]) => {
    const [least, most] = [Math.min(...values), Math.max(...values)];
    return least === most ? `${least}` : `${least} to ${most}`;
  };
  return { rank: range(layers.map(({ rank }) => rank)), of: range(layers.map(({ of }) => of)) };
}
