/**
 * Colours of the pictures, light and dark. The scale is ColorBrewer's YlGnBu (made for colour-blind readers),
 * turned round where the page is dark, so that more always stands out more; it rises in lightness alone too,
 * for print. The two signs are Okabe and Ito's blue and vermilion. Nothing is told by colour alone.
 */

/** Upper ends of all bins but the last, in nats: a decade each. */
export const klBins: readonly number[] = [0, 0.001, 0.01, 0.1, 1];

const light = ["#f4f3c6", "#c7e9b4", "#7fcdbb", "#41b6c4", "#2c7fb8", "#253494"];
const dark = ["#263248", "#2b4f8a", "#2c7fb8", "#41b6c4", "#a1dab4", "#ffffcc"];

/** The bin of an increase in KL, 0 for none or a decrease. */
export function klBin(delta: number): number {
  const bin = klBins.findIndex((end, index) => (index === 0 ? delta <= end : delta < end));
  return bin < 0 ? klBins.length : bin;
}

/** A fill for a bin; follows the page's light and dark where `mapStyle` is in it, and is light elsewhere. */
export function klColour(bin: number): string {
  return `var(--kl-${bin}, ${light[bin] ?? "none"})`;
}

export const signColours = { positive: "var(--plus, #0072b2)", negative: "var(--minus, #d55e00)" } as const;
export const ink = {
  strong: "var(--ink, #1f2328)",
  soft: "var(--soft, #5b6169)",
  line: "var(--line, #d9d6d0)",
  page: "var(--card, #ffffff)",
  attention: "var(--mlp, #0072b2)",
  head: "var(--head, #b87500)",
  mlp: "var(--mlp, #0072b2)",
} as const;

const properties = (colours: readonly string[]) =>
  colours.map((colour, bin) => `--kl-${bin}: ${colour};`).join(" ");

/** To be put into the page once. */
export const mapStyle = `
:root { ${properties(light)} --plus: #0072b2; --minus: #c25400; }
@media (prefers-color-scheme: dark) { :root { ${properties(dark)} --plus: #56b4e9; --minus: #ff8c4b; } }
`;
