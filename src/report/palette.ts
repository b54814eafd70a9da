/**
 * The colours of the terminal's pictures; those of pages are in html/page-colours.ts. From Okabe and Ito's palette,
 * whose colours stay apart under the common kinds of colour blindness; blue and orange also differ most in
 * lightness from the grey of what is gone. No picture may depend on colour alone.
 */
export const palette = {
  keptHead: "#E69F00",
  keptMlp: "#56B4E9",
  pruned: "#8C8C8C",
  /** On trial just now. */
  trial: "#CC79A7",
  good: "#009E73",
  bad: "#D55E00",
} as const;

export type PaletteColour = keyof typeof palette;
