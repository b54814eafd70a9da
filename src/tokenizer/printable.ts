/**
 * Shows a token's bytes to a person. They may be part of a character, a line end or a control code; none of them
 * may disturb a table or look like another token.
 */
import { printableText } from "../printable.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes as text; bytes that are not UTF-8 become \xNN, and controls are escaped as in {@link printableText}. */
export function printableBytes(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; ) {
    const length = characterLength(bytes, i);
    text += length === 0 ? hex(bytes[i] ?? 0) : printableText(strict.decode(bytes.subarray(i, i + length)));
    i += Math.max(length, 1);
  }
  return text;
}

function hex(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}

/** Length in bytes of the UTF-8 character that begins at `start`; 0 if none begins there. */
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
