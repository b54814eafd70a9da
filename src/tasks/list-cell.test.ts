import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseListCell } from "./list-cell.ts";

/** As Python's repr of a string, for texts that its escapes are not needed for. */
const repr = (text: string) =>
  text.includes("'") && !text.includes('"')
    ? `"${text.replaceAll("\\", "\\\\")}"`
    : `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

describe("a cell that holds a list", () => {
  test.each([
    ['["a", "b"]', ["a", "b"]],
    ["[' Paris', \" d'Or\"]", [" Paris", " d'Or"]],
    ["['a' , 'b',]", ["a", "b"]],
    ["['it\\'s', 'a\\nb', '\\u00e9\\xe8']", ["it's", "a\nb", "éè"]],
    [" ['x'] ", ["x"]],
  ])("%s", (cell, texts) => {
    expect(parseListCell(cell)).toEqual(texts);
  });

  test.each(["[1, 2]", "[x]", "[]", "['a' 'b']", "['a'", "plain", "a|b", "['\\q']", "['a'], ['b']"])(
    "%s is none",
    (cell) => {
      expect(parseListCell(cell)).toBeUndefined();
    },
  );

  test("any list that JSON or Python writes is read back", () => {
    const texts = fc.array(fc.string({ minLength: 1 }), { minLength: 1 });
    fc.assert(
      fc.property(texts, (list) => {
        expect(parseListCell(JSON.stringify(list))).toEqual(list);
        expect(parseListCell(`[${list.map(repr).join(", ")}]`)).toEqual(list);
      }),
    );
  });
});
