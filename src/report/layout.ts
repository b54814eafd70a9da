/** Labelled facts in two columns, or one below the other in a narrow terminal. */
import type { TerminalStyle } from "./terminal-style.ts";

/** A label and its facts, a line each. */
export type Row = readonly [label: string, ...facts: readonly string[]];

const NARROW = 60;
const LABEL_WIDTH = 12;

/** Facts are wrapped between words; a word longer than the line stays whole, so that it can be copied. */
export function layOut(rows: readonly Row[], style: TerminalStyle): readonly string[] {
  const narrow = style.width < NARROW;
  const indent = narrow ? 3 : LABEL_WIDTH + 1;
  return rows.flatMap(([label, ...facts]) => {
    const lines = facts.flatMap((fact) => wrap(fact, style.width - indent));
    if (narrow) return [` ${style.bold(label)}`, ...lines.map((line) => `   ${line}`)];
    return lines.map((line, index) => {
      const left =
        index === 0 ? ` ${style.bold(label)}`.padEnd(indent + styled(label, style)) : " ".repeat(indent);
      return `${left}${line}`;
    });
  });
}

export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** The number of characters of a bold label that take no space in the terminal. */
function styled(label: string, style: TerminalStyle): number {
  return style.bold(label).length - label.length;
}
