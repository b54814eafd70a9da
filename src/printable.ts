/**
 * Makes text from outside safe for a person to read. A file's names and prompts may contain codes that move a
 * terminal's cursor, overwrite its content, or reverse the order of letters, and they may have any length. All
 * output of Pith passes through here: errors when they are made, the rest when it is printed.
 */

/**
 * C0 (escape among them), DEL and C1; separators that some programs treat as line ends; and characters that
 * override the direction of writing. The marks U+200E and U+200F override nothing and occur in ordinary Hebrew
 * and Arabic.
 */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** Text in one line: line ends, tabs, control codes and bidirectional overrides are escaped (\n, \t, \x1b, \u202e). */
export function printableText(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    if (character === "\t") return "\\t";
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : unicodeEscape(character);
  });
}

/** The same for text of several lines, whose line feeds stay. */
export function printableLines(text: string): string {
  return text.split("\n").map(printableText).join("\n");
}

/** JSON text of the same value. `JSON.stringify` escapes C0 alone. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(UNPRINTABLE, unicodeEscape);
}

/** The first `length` UTF-16 units and an ellipsis if the text is longer; a character is never cut in half. */
export function shorten(text: string, length = 80): string {
  if (text.length <= length) return text;
  const isHalf = /[\ud800-\udbff]/.test(text.charAt(length - 1));
  return `${text.slice(0, isHalf ? length - 1 : length)}…`;
}

/** A text in quotes for an error, cut when long. */
export function quote(text: string): string {
  return printableText(JSON.stringify(shorten(text, 60)));
}

/**
 * A JSON value for an error; lists and objects are shown only by kind, because they may have any size and depth.
 */
export function showValue(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
