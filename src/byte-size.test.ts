import { expect, test } from "vitest";
import { byteSizeInWords, parseByteSize } from "./byte-size.ts";

test("sizes in decimal units", () => {
  expect(parseByteSize("3GB")).toBe(3_000_000_000);
  expect(parseByteSize("1.5 gb")).toBe(1_500_000_000);
  expect(parseByteSize("512MB")).toBe(512_000_000);
  expect(parseByteSize(".5kB")).toBe(500);
  expect(parseByteSize("12 B")).toBe(12);
  for (const text of ["", "3", "GB", "-1GB", "3GiB", "3 G B", "1e3MB", "NaNGB", "three GB"]) {
    expect(parseByteSize(text)).toBeUndefined();
  }
});

test("in words, and rounded up where a bound must hold", () => {
  expect(byteSizeInWords(2_944_000_000)).toBe("2.94 GB");
  expect(byteSizeInWords(2_944_000_000, true)).toBe("2.95 GB");
  expect(byteSizeInWords(3_000_000_000, true)).toBe("3 GB");
  expect(byteSizeInWords(512_400_000)).toBe("512 MB");
  expect(byteSizeInWords(512_400_000, true)).toBe("513 MB");
});
