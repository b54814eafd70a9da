/**
 * The colours of the terminal's pictures; those of pages are in html/page-colours.ts. They come from Okabe and
 * Ito's palette, whose colours can be distinguished with the common kinds of colour blindness. Blue and orange
 * also differ most in lightness from the grey of pruned components. No picture may depend on colour alone.
 */
export const palette = {
  keptHead: "#E69F00",
  keptMlp: "#56B4E9",
  pruned: "#8C8C8C",
  /** A component that is being tried. */
  trial: "#CC79A7",
  good: "#009E73",
  bad: "#D55E00",
} as const;

export type PaletteColour = keyof typeof palette;
