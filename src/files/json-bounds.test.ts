import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonBounds } from "./json-bounds.ts";

const encode = (text: string) => new TextEncoder().encode(text);

describe("bounds on JSON", () => {
  test.each([
    ["depth", "[".repeat(64), undefined],
    ["too much depth", "[".repeat(65), "nests deeper than 64 levels"],
    ["objects count too", '{"a":'.repeat(65), "nests deeper than 64 levels"],
    ["brackets one after another", "[]".repeat(5_000_000), undefined],
    ["too many of them", "[]".repeat(5_000_001), "has more than 5000000 objects and lists"],
    ["members", ":".repeat(10_000_001), "has more than 10000000 members of objects"],
    ["values", ",".repeat(20_000_001), "has more than 20000000 values"],
    ["brackets in strings", `"${"[".repeat(100)}\\"${"[".repeat(100)}"`, undefined],
    ["an escaped backslash ends no string early", `["\\\\",${"[".repeat(64)}`, "nests deeper than 64 levels"],
  ])("%s", (_, text, fault) => {
    expect(jsonBounds().add(encode(text))).toBe(fault);
  });

  test("what is found does not depend on where the pieces are cut; JSON of small depth passes", () => {
    const cuts = fc.array(fc.nat(400), { maxLength: 5 });
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.nat(90), cuts, (value, depth, places) => {
        const bytes = encode(`${"[".repeat(depth)}${JSON.stringify(value)}${"]".repeat(depth)}`);
        const bounds = jsonBounds();
        let fault: string | undefined;
        let start = 0;
        for (const end of [...places.sort((a, b) => a - b), bytes.length]) {
          fault ??= bounds.add(bytes.subarray(start, end));
          start = Math.max(start, end);
        }
        expect(fault).toBe(jsonBounds().add(bytes));
        if (depth > 64) expect(fault).toBe("nests deeper than 64 levels");
        if (depth < 50) expect(fault).toBeUndefined();
      }),
    );
  });
});
