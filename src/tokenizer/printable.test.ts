import { describe, expect, test } from "vitest";
import { printableBytes } from "./printable.ts";

const bytes = (...values: readonly number[]) => Uint8Array.from(values);

describe("printable", () => {
  test.each([
    ["ASCII", bytes(0x20, 0x4d, 0x61), " Ma"],
    ["a whole character of four bytes", bytes(0xf0, 0x9f, 0x98, 0x80), "😀"],
    ["its beginning", bytes(0xf0, 0x9f), "\\xf0\\x9f"],
    ["its end, then a letter", bytes(0x98, 0x80, 0x61), "\\x98\\x80a"],
    ["a byte order mark", bytes(0xef, 0xbb, 0xbf), "\uFEFF"],
    ["an overlong form", bytes(0xc0, 0x80), "\\xc0\\x80"],
    ["controls", bytes(0x0a, 0x09, 0x0d, 0x1b, 0xc2, 0x85), "\\n\\t\\r\\x1b\\x85"],
    ["nothing", bytes(), ""],
  ])("bytes: %s", (_, input, text) => {
    expect(printableBytes(input)).toBe(text);
  });
});
