/**
 * Colours of charts. In a file of its own, a chart states every colour, so that it looks the same in any viewer
 * and on any background. In a page, it uses the page's custom properties and follows light and dark. Dashes and
 * shapes carry the same information as colours.
 */
import { lightColour, type PageColour, pageColour } from "../html/page-colours.ts";

export interface ChartTheme {
  readonly background: string;
  readonly ink: string;
  readonly soft: string;
  readonly grid: string;
  readonly mean: string;
  readonly zero: string;
}

function themeOf(colour: (name: PageColour) => string): ChartTheme {
  return {
    background: colour("card"),
    ink: colour("ink"),
    soft: colour("soft"),
    grid: colour("line"),
    mean: colour("mean-ablation"),
    zero: colour("zero-ablation"),
  };
}

export const fileTheme = themeOf(lightColour);
export const pageTheme = themeOf(pageColour);
