import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { printableJson, printableLines, printableText, quote, shorten, showValue } from "./printable.ts";

/** Written apart from the module's own pattern: C0, DEL and C1, separators, overrides. */
function isHarmless(text: string): boolean {
  return [...text].every((character) => {
    const code = character.codePointAt(0) ?? 0;
    const isControl = code < 0x20 || (code >= 0x7f && code < 0xa0);
    const isTurning = (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    return !isControl && !isTurning;
  });
}

/** Text in which what must be escaped is frequent. */
const hostileText = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("\u001b[31m", "\u009b2J", "\u202e", "\n", "\u007f"),
    ),
  )
  .map((parts) => parts.join(""));

describe("text of one line", () => {
  test.each([
    ["line ends and tabs", "a\nb\r\tc", "a\\nb\\r\\tc"],
    ["codes that move and colour", "\u001b[2J\u009b31m\u007f\u0007", "\\x1b[2J\\x9b31m\\x7f\\x07"],
    ["line separators", "a\u2028b\u2029", "a\\u2028b\\u2029"],
    [
      "overrides of the direction",
      "\u202egnp.exe\u202c \u2066x\u2069",
      "\\u202egnp.exe\\u202c \\u2066x\\u2069",
    ],
    ["what is harmless", "é\u00a0שלום\u200f 😀", "é\u00a0שלום\u200f 😀"],
  ])("%s", (_, text, shown) => {
    expect(printableText(text)).toBe(shown);
  });

  test("holds nothing that acts on a terminal, whatever went in; twice is once", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const shown = printableText(text);
        expect(isHarmless(shown)).toBe(true);
        expect(printableText(shown)).toBe(shown);
      }),
    );
  });
});

test("text of several lines keeps its line feeds, and no other code", () => {
  expect(printableLines("a\n\u001b[1A\r\nb")).toBe("a\n\\x1b[1A\\r\nb");
});

test("JSON is harmless, and the same value", () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      const json = printableJson({ [text]: [text] });
      expect(isHarmless(json)).toBe(true);
      expect(JSON.parse(json)).toEqual({ [text]: [text] });
    }),
  );
});

describe("values in errors are short", () => {
  test("texts in quotes, lists and objects by kind", () => {
    expect(quote("x".repeat(100))).toBe(`"${"x".repeat(60)}…"`);
    expect(quote("\u001b\u009b")).toBe('"\\u001b\\x9b"');
    expect([["a"], { a: 1 }, null, 1.5, "a", true].map(showValue)).toEqual([
      "a list",
      "an object",
      "null",
      "1.5",
      '"a"',
      "true",
    ]);
  });

  test("no character is cut in half", () => {
    expect(shorten("ab😀c", 3)).toBe("ab…");
    expect(shorten("ab😀c", 4)).toBe("ab😀…");
    expect(shorten("abc", 3)).toBe("abc");
  });
});
