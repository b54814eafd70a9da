import { describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { ownProperty, parseJsonObject } from "./json.ts";

const parse = (text: string | Uint8Array) =>
  parseJsonObject(
    typeof text === "string" ? new TextEncoder().encode(text) : text,
    "config",
    { file: "x.json" },
    "it",
  );

describe("parseJsonObject", () => {
  test("gives what JSON.parse gives", () => {
    const text = String.raw`{"a": [{"b": "}\"{"}, {"b": 1}], "c\n": null , "": {"a": {}} }`;
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  const refused = [
    ['{"a": 1, "b": 2, "a": 3}', 'has the key "a" twice'],
    ['{"x": {"a": 1,\n "\\u0061" : 3}}', 'has the key "a" twice'],
    ['{"__proto__": 1, "__proto__": 2}', 'has the key "__proto__" twice'],
    [`{"a":${"[".repeat(5_000_000)}`, "nests deeper than 64 levels"],
    [`{"a":[${"[],".repeat(5_000_001)}0]}`, "has more than 5000000 objects and lists"],
    ['{"a": 1', "is not JSON"],
    ['{"a', "is not JSON"],
    ['{"a\\', "is not JSON"],
    ['{"a\\x": 1}', "is not JSON"],
    ["\ufeff{}", "is not JSON"],
    ["[]", "is not a JSON object"],
    ["null", "is not a JSON object"],
    ["", "is not JSON"],
  ] as const;

  test.each(refused.map(([text, message]) => [message, text] as const))(
    "refuses what %s",
    (message, text) => {
      expect(() => parse(text)).toThrow(PithError);
      expect(() => parse(text)).toThrow(`x.json: it ${message}`);
    },
  );

  test("says where it stops being JSON, and not what stands there", () => {
    const secret = "root:x:0:0:root:/root:/bin/bash\nsecret";
    expect(() => parse(secret)).toThrow(/^x\.json: it is not JSON: see line 1, column 1$/);
    expect(() => parse('{"a": 1,\n "b" secret}')).toThrow(/^x\.json: it is not JSON: see line 2, column 6$/);
    expect(() => parse('{"a": 1,\n')).toThrow(/^x\.json: it is not JSON: it ends too early, in line 2$/);
    // What is printed with an error must not say it either.
    expect(() => parse(secret)).toThrow(expect.not.objectContaining({ cause: expect.anything() }));
  });

  test("refuses what is not UTF-8", () => {
    expect(() => parse(Uint8Array.of(0x7b, 0xff, 0x7d))).toThrow("x.json: it is not UTF-8 text");
  });

  test('a key "__proto__" is data and changes no object', () => {
    const value = parse('{"__proto__": {"dtype": "F32"}}');
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(ownProperty(value, "dtype")).toBeUndefined();
    expect(ownProperty(value, "constructor")).toBeUndefined();
  });
});
