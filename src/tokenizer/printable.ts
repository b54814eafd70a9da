/**
 * How tokens, and what stood in a file, are shown to a person. A token may be part of a character, a line end
 * or a control code; none of them may disturb a table or be taken for another token.
 */

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes as text; what is not UTF-8 becomes \xNN, and controls are escaped as in {@link printableText}. */
export function printableBytes(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; ) {
    const length = characterLength(bytes, i);
    text += length === 0 ? hex(bytes[i] ?? 0) : printableText(strict.decode(bytes.subarray(i, i + length)));
    i += Math.max(length, 1);
  }
  return text;
}

/** Text with line ends, tabs and control codes escaped (\n, \t, \x1b). */
export function printableText(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    if (character === "\t") return "\\t";
    const code = character.charCodeAt(0);
    return code < 0x100 ? hex(code) : `\\u${code.toString(16)}`;
  });
}

function hex(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}

/** Length in bytes of the UTF-8 character that begins at `start`; 0 when none does. */
function characterLength(bytes: Uint8Array, start: number): number {
  for (let length = 1; length <= 4 && start + length <= bytes.length; length++) {
    try {
      strict.decode(bytes.subarray(start, start + length));
      return length;
    } catch {
      // not a whole character yet
    }
  }
  return 0;
}

/** A text in quotes for an error, cut when long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** A JSON value for an error; lists and objects only by kind, since they may be of any size and depth. */
export function showValue(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
