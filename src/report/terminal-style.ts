/**
 * The abilities of a terminal as a value. Reports are functions of it and of their data, so that they can be
 * tested without a terminal.
 */
import { Ansis } from "ansis";
import { type PaletteColour, palette } from "./palette.ts";

export interface TerminalStyle {
  /** The width in columns. */
  readonly width: number;
  readonly symbols: Symbols;
  readonly paint: (colour: PaletteColour, text: string) => string;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
}

interface Symbols {
  readonly keptHead: string;
  readonly keptMlp: string;
  readonly pruned: string;
  readonly trial: string;
  readonly unknown: string;
  readonly arrow: string;
  readonly done: string;
  readonly ellipsis: string;
}

const unicodeSymbols: Symbols = {
  keptHead: "●",
  keptMlp: "■",
  pruned: "·",
  trial: "○",
  unknown: " ",
  arrow: "→",
  done: "✓",
  ellipsis: "…",
};

const asciiSymbols: Symbols = {
  keptHead: "O",
  keptMlp: "#",
  pruned: ".",
  trial: "?",
  unknown: " ",
  arrow: "->",
  done: "+",
  ellipsis: "...",
};

/** @param colours the number of colours as ansis counts: 0 none, 1 sixteen, 2 256, 3 true colour. */
export function terminalStyle(options: {
  readonly width: number;
  readonly colours?: 0 | 1 | 2 | 3;
  readonly unicode?: boolean;
}): TerminalStyle {
  const ansis = new Ansis(options.colours ?? 0);
  return {
    width: Math.max(20, options.width),
    symbols: options.unicode === false ? asciiSymbols : unicodeSymbols,
    paint: (colour, text) => ansis.hex(palette[colour])(text),
    bold: (text) => ansis.bold(text),
    dim: (text) => ansis.dim(text),
  };
}
