import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonFaultAt } from "./json-fault.ts";

describe("jsonFaultAt", () => {
  test.each([
    ["root:x:0:0:root", 1, 1],
    ['{"a": 1,\n  "b" 2}', 2, 7],
    ['{"a": 1,\n}', 2, 1],
    ["[1, 2,]", 1, 7],
    ["[1 2]", 1, 4],
    ["[01]", 1, 2],
    ["{} {}", 1, 4],
    ['{"a": tru}', 1, 7],
    ['{"a": "\\x"}', 1, 7],
    ['{"a\n": 1}', 1, 2],
    ["[}", 1, 2],
    ["\ufeff{}", 1, 1],
  ])("%j stops at line %i, column %i", (text, line, column) => {
    expect(jsonFaultAt(text)).toEqual({ line, column, ended: false });
  });

  test.each(["", "[", '{"a":', '{"a": 1', "[1,"])("%j ends too early", (text) => {
    expect(jsonFaultAt(text)).toMatchObject({ column: text.length + 1, ended: true });
  });

  test("finds a fault where JSON.parse does, and nowhere else", () => {
    const near = fc
      .tuple(fc.json({ maxDepth: 4 }), fc.nat(), fc.constantFrom("", '"', "{", "}", "[", ",", ":", "1", "\\"))
      .map(
        ([text, at, put]) =>
          text.slice(0, at % (text.length + 1)) + put + text.slice((at % (text.length + 1)) + 1),
      );
    fc.assert(
      fc.property(fc.oneof(fc.json(), near, fc.string()), (text) => {
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        expect(jsonFaultAt(text) === undefined).toBe(valid);
      }),
      { numRuns: 2000 },
    );
  });

  test("walks over long texts", () => {
    expect(jsonFaultAt(`["${"a".repeat(3_000_000)}", x]`)).toMatchObject({ column: 3_000_006 });
  });
});
