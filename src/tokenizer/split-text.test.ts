import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type SplitBehavior, splitPiece } from "./split-text.ts";

const split = (text: string, behavior: SplitBehavior, invert = false) =>
  splitPiece({ text, first: true }, /-/gu, behavior, invert).map((piece) => piece.text);

// The example of tokenizers' own documentation of `SplitDelimiterBehavior`.
describe("the-final--countdown", () => {
  test.each<[SplitBehavior, readonly string[]]>([
    ["Removed", ["the", "final", "countdown"]],
    ["Isolated", ["the", "-", "final", "-", "-", "countdown"]],
    ["MergedWithPrevious", ["the-", "final-", "-", "countdown"]],
    ["MergedWithNext", ["the", "-final", "-", "-countdown"]],
    ["Contiguous", ["the", "-", "final", "--", "countdown"]],
  ])("%s", (behavior, pieces) => {
    expect(split("the-final--countdown", behavior)).toEqual(pieces);
  });

  test("inverted, what does not match is what is removed", () => {
    expect(split("the-final--countdown", "Removed", true)).toEqual(["-", "-", "-"]);
  });
});

test("whatever is not removed is kept, in order, and only the first piece begins the text", () => {
  const behaviors = fc.constantFrom<SplitBehavior>(
    ...(["Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const),
  );
  const pattern = fc.constantFrom(/-/gu, /a*/gu, /(?=b)/gu, /./gsu);
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("a", "b", "-", "😀") }),
      behaviors,
      pattern,
      (text, behavior, regex) => {
        const pieces = splitPiece({ text, first: true }, regex, behavior);
        expect(pieces.map((piece) => piece.text).join("")).toBe(text);
        expect(pieces.map((piece) => piece.first)).toEqual(pieces.map((_, i) => i === 0));
        expect(pieces.every((piece) => piece.text !== "")).toBe(true);
      },
    ),
  );
});
