/** The meaning of the pictures' colours. The colours themselves are defined in html/page-colours.ts. */
import { type PageColour, pageColour } from "../html/page-colours.ts";

/** Upper ends of all bins except the last, in nats: one decade each. */
export const klBins: readonly number[] = [0, 0.001, 0.01, 0.1, 1];

const klColours: readonly PageColour[] = ["kl-0", "kl-1", "kl-2", "kl-3", "kl-4", "kl-5"];

/** The bin of an increase in KL, 0 for none or a decrease. */
export function klBin(delta: number): number {
  const bin = klBins.findIndex((end, index) => (index === 0 ? delta <= end : delta < end));
  return bin < 0 ? klBins.length : bin;
}

/** A fill for a bin. */
export function klColour(bin: number): string {
  const name = klColours[bin];
  return name === undefined ? "none" : pageColour(name);
}

export const signColours = { positive: pageColour("plus"), negative: pageColour("minus") } as const;
export const ink = {
  strong: pageColour("ink"),
  soft: pageColour("soft"),
  line: pageColour("line"),
  attention: pageColour("accent"),
  trial: pageColour("accent"),
} as const;
