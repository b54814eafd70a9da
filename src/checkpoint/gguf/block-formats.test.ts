/** Blocks of random bits against gguf-py's `dequantize`, to the last bit (test/gguf/README.md). */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { blockFormat, blockFormatName, blockFormatNames } from "./block-formats.ts";

const golden: Readonly<Record<string, { readonly blocks: string; readonly values: string }>> = JSON.parse(
  readFileSync("test/gguf/blocks.json", "utf8"),
);
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));

const formats = Array.from({ length: 64 }, (_, type) => blockFormat(type)).filter(
  (format) => format !== undefined,
);

test("every format that is stored in blocks has its reference", () => {
  expect(Object.keys(golden).sort()).toEqual(blockFormatNames.filter((name) => name.startsWith("Q")).sort());
});

describe.each(Object.entries(golden))("%s", (name, { blocks, values }) => {
  test("is widened as ggml does", () => {
    const format = formats.find((each) => each.name === name);
    const expected = new Float32Array(bytesOf(values).buffer);
    const data = bytesOf(blocks);
    const target = new Float32Array(expected.length + 2);
    format?.widen(data, target, 1);
    expect(target.subarray(1, -1)).toEqual(expected);
    expect([target[0], target.at(-1)]).toEqual([0, 0]);
    expect(data.length * (format?.values ?? 0)).toBe(expected.length * (format?.bytes ?? 0));
  });
});

test("half a block, or one that does not fit, is a mistake of the program", () => {
  const target = new Float32Array(32);
  expect(() => blockFormat(2)?.widen(new Uint8Array(17), target, 0)).toThrow(RangeError);
  expect(() => blockFormat(2)?.widen(new Uint8Array(36), target, 0)).toThrow(RangeError);
});

test("formats that are not read have their names", () => {
  expect([blockFormat(16), blockFormatName(16), blockFormatName(999)]).toEqual([
    undefined,
    "IQ2_XXS",
    "type 999",
  ]);
});
