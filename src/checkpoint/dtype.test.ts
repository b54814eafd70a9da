import { describe, expect, test } from "vitest";
import { elementBits, isWeightDtype, widenInto } from "./dtype.ts";

/** The standard's definition, in arithmetic: ±2^(e−15)·(1 + f/1024), ±2^−14·(f/1024) for e = 0. */
function float16Value(half: number): number {
  const sign = half >> 15 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * 2 ** -14 * (fraction / 1024);
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}

const every16Bits = new Uint16Array(65_536).map((_, index) => index);
const every16BitsAsBytes = new Uint8Array(every16Bits.buffer);

describe("widenInto", () => {
  test("F16: all 65,536 values, denormals, infinities and NaN among them", () => {
    const values = new Float32Array(65_536);
    widenInto("F16", every16BitsAsBytes, values, 0);
    expect(Array.from(values)).toEqual(Array.from(every16Bits, float16Value));
  });

  test("F16: a NaN keeps its sign and payload", () => {
    const values = new Float32Array(1);
    widenInto("F16", Uint8Array.of(0x01, 0xfd), values, 0); // 0xfd01: signalling
    expect(new Uint32Array(values.buffer)[0]).toBe(0xffa02000);
  });

  test("BF16: every value is the upper half of the float32", () => {
    const values = new Float32Array(65_536);
    widenInto("BF16", every16BitsAsBytes, values, 0);
    expect(Array.from(new Uint32Array(values.buffer))).toEqual(
      Array.from(every16Bits, (half) => half * 65_536),
    );
  });

  test("F32: bits are copied, from any alignment, to any place", () => {
    const bytes = new Uint8Array(9);
    new DataView(bytes.buffer).setUint32(1, 0x7fa00001, true);
    new DataView(bytes.buffer).setFloat32(5, -0.1, true);
    const values = new Float32Array(4);
    widenInto("F32", bytes.subarray(1), values, 1);
    expect(Array.from(new Uint32Array(values.buffer))).toEqual([0, 0x7fa00001, 0xbdcccccd, 0]);
  });

  test("half formats from an odd address", () => {
    const values = new Float32Array(2);
    widenInto("F16", Uint8Array.of(9, 0x00, 0x3c).subarray(1), values, 0);
    widenInto("BF16", Uint8Array.of(9, 0x80, 0x3f).subarray(1), values, 1);
    expect(Array.from(values)).toEqual([1, 1]);
  });

  test("never writes outside the target", () => {
    expect(() => widenInto("F16", new Uint8Array(6), new Float32Array(2), 0)).toThrow(RangeError);
    expect(() => widenInto("F32", new Uint8Array(4), new Float32Array(2), 2)).toThrow(RangeError);
    expect(() => widenInto("F32", new Uint8Array(3), new Float32Array(2), 0)).toThrow(RangeError);
  });
});

test("sizes are known for formats that can't be weights too", () => {
  expect([elementBits("BOOL"), elementBits("I64"), elementBits("F4"), elementBits("F12")]).toEqual([
    8,
    64,
    4,
    undefined,
  ]);
  expect([isWeightDtype("BF16"), isWeightDtype("F64")]).toEqual([true, false]);
});
