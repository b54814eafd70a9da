import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PithError } from "./errors.ts";

describe("PithError", () => {
  test("says where, what and what to do", () => {
    const error = new PithError("task", "is empty", {
      place: { file: "a.jsonl", line: 3, field: "prompt" },
      advice: "Fill it.",
    });
    expect(error.message).toBe('a.jsonl:3, "prompt": is empty. Fill it.');
    expect(error).toMatchObject({ code: "task", advice: "Fill it." });
  });

  test("escapes what a file put into it", () => {
    const error = new PithError("checkpoint", "is \u001b[31mred", {
      place: { tensor: "w\u009b2J", file: "a\nb" },
      advice: "Don't\u202e.",
    });
    expect(error.message).toBe('a\\nb, tensor "w\\x9b2J": is \\x1b[31mred. Don\'t\\u202e.');
    expect(error.place).toEqual({ tensor: "w\\x9b2J", file: "a\\nb" });
    expect(error.advice).toBe("Don't\\u202e.");
  });

  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.nat(20_000).map((length) => "w".repeat(length)),
    fc.nat(3000).map((length) => "\u001b".repeat(length)),
    fc.nat(3000).map((length) => "😀".repeat(length)),
  );
  const part = fc.option(text, { nil: undefined });
  const place = fc.record(
    { file: text, line: fc.nat(), tensor: text, field: text, url: text },
    { requiredKeys: [] },
  );

  test("is short, one line and harmless, whatever it repeats; made again of its own parts it is the same", () => {
    fc.assert(
      fc.property(text, place, part, (message, where, advice) => {
        const error = new PithError("config", message, {
          place: where,
          ...(advice !== undefined && { advice }),
        });
        expect(error.message.length).toBeLessThan(3500);
        expect(`${error.message}${error.advice}${JSON.stringify(error.place)}`).not.toMatch(
          /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u,
        );
        const bare = (given: PithError["place"]) => new PithError("config", "", { place: given }).message;
        expect(bare(error.place)).toBe(bare(where));
        expect(error.message.startsWith(bare(where))).toBe(true);
      }),
    );
  });
});
