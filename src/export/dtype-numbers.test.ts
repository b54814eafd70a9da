import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { widenInto } from "../checkpoint/dtype.ts";
import {
  type Blocks,
  blockScales,
  float16Bits,
  largestOf,
  packInt4,
  quantize,
  scaleShape,
  toFloat16,
} from "./dtype-numbers.ts";

/** The values that a runtime gets: quantised value × its block's scale, where blocks lie as ONNX defines them. */
function dequantize(
  quantized: Int8Array,
  scales: Float32Array,
  { columns, axis, size }: Blocks,
): readonly number[] {
  return Array.from(quantized, (value, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    const block =
      axis === 0
        ? Math.floor(row / size) * columns + column
        : row * (columns / size) + Math.floor(column / size);
    return Math.fround(value * (scales[block] ?? Number.NaN));
  });
}

const widen = (half: number): number => {
  const target = new Float32Array(1);
  widenInto("F16", new Uint8Array(Uint16Array.of(half).buffer), target, 0);
  return target[0] as number;
};

describe("float16", () => {
  test("every float16 comes back as itself", () => {
    for (let half = 0; half < 0x10000; half++) {
      const value = widen(half);
      if (Number.isNaN(value)) expect(Number.isNaN(widen(float16Bits(value)))).toBe(true);
      else if (float16Bits(value) !== half)
        expect([half, value, float16Bits(value)]).toEqual([half, value, half]);
    }
  });

  test.each([
    ["1", 1, 0x3c00],
    ["a tie goes to the even one below", 1 + 2 ** -11, 0x3c00],
    ["a tie goes to the even one above", 1 + 3 * 2 ** -11, 0x3c02],
    ["a carry into the exponent", 2 - 2 ** -12, 0x4000],
    ["the largest", 65504, 0x7bff],
    ["below half a step above the largest", 65519.99, 0x7bff],
    ["half a step above the largest", 65520, 0x7c00],
    ["−∞", Number.NEGATIVE_INFINITY, 0xfc00],
    ["the smallest normal", 2 ** -14, 0x0400],
    ["the largest subnormal, rounded up to it", 2 ** -14 - 2 ** -24, 0x03ff],
    ["between the largest subnormal and the smallest normal: even", 2 ** -14 - 2 ** -25, 0x0400],
    ["the smallest subnormal", 2 ** -24, 0x0001],
    ["half of it: even, which is nothing", 2 ** -25, 0],
    ["a little more than half", 1.0001 * 2 ** -25, 0x0001],
    ["one and a half: even", 1.5 * 2 ** -24, 0x0002],
    ["−0", -0, 0x8000],
    ["what is too small keeps its sign", -1e-30, 0x8000],
  ])("%s", (_, value, bits) => expect(float16Bits(value)).toBe(bits));

  test("no other float16 is nearer", () => {
    fc.assert(
      fc.property(fc.float({ min: Math.fround(-65504), max: 65504, noNaN: true }), (value) => {
        const half = float16Bits(value);
        const distance = Math.abs(widen(half) - value);
        for (const other of [half - 1, half + 1]) {
          const neighbour = widen(other & 0xffff);
          if (Number.isFinite(neighbour))
            expect(Math.abs(neighbour - value)).toBeGreaterThanOrEqual(distance);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("a weight that is too large is an error that names it; infinity itself is not", () => {
    expect(() => toFloat16(Float32Array.of(1, -65520), "blocks.0.mlp.up.weight")).toThrow(
      /tensor "blocks.0.mlp.up.weight": holds -65520, and float16 ends at ±65504. Leave it in float32/,
    );
    expect(toFloat16(Float32Array.of(1, Number.POSITIVE_INFINITY), "w")).toEqual(
      Uint16Array.of(0x3c00, 0x7c00),
    );
  });
});

describe("blocks", () => {
  // Columns in blocks of two rows: (1, −4), (2, 2) | (0, 0), (254, 127).
  const values = Float32Array.of(1, 2, -4, 2, 0, 254, 0, 127);
  const blocks: Blocks = { rows: 4, columns: 2, axis: 0, size: 2 };

  test("by hand, below one another", () => {
    expect(scaleShape(blocks)).toEqual([2, 2]);
    const scales = blockScales(values, blocks, 127);
    expect(scales).toEqual(Float32Array.of(4 / 127, 2 / 127, 1, 2));
    expect(quantize(values, scales, blocks, 127)).toEqual(Int8Array.of(32, 127, -127, 127, 0, 127, 0, 64));
  });

  test("by hand, side by side, four bits", () => {
    const rows: Blocks = { rows: 2, columns: 4, axis: 1, size: 2 };
    expect(scaleShape(rows)).toEqual([2, 2]);
    const source = Float32Array.of(7, -3.5, 0, 14, 1, 1, -1, 0.5);
    const scales = blockScales(source, rows, largestOf.int4);
    expect(scales).toEqual(Float32Array.of(1, 2, 1 / 7, 1 / 7));
    expect([...quantize(source, scales, rows, 7)].slice(0, 4)).toEqual([7, -3, 0, 7]);
  });

  test("no value is off by more than half a step, and zero is zero", () => {
    const cases = fc.record({
      axis: fc.constantFrom(0 as const, 1 as const),
      size: fc.integer({ min: 1, max: 4 }),
      along: fc.integer({ min: 1, max: 4 }),
      across: fc.integer({ min: 1, max: 5 }),
      largest: fc.constantFrom(7, 127),
      data: fc.array(fc.float({ min: -1000, max: 1000, noNaN: true }), { minLength: 80, maxLength: 80 }),
    });
    fc.assert(
      fc.property(cases, ({ axis, size, along, across, largest, data }) => {
        const [rows, columns] = axis === 0 ? [size * along, across] : [across, size * along];
        const own: Blocks = { rows, columns, axis, size };
        const source = Float32Array.from(data.slice(0, rows * columns));
        const scales = blockScales(source, own, largest);
        const back = dequantize(quantize(source, scales, own, largest), scales, own);
        const perValue = dequantize(new Int8Array(source.length).fill(1), scales, own);
        for (const [index, value] of source.entries()) {
          const step = perValue[index] as number;
          expect(Math.abs((back[index] as number) - value)).toBeLessThanOrEqual((step / 2) * (1 + 1e-5));
          if (value === 0) expect(Math.abs(back[index] as number)).toBe(0);
        }
      }),
      { numRuns: 200 },
    );
  });

  test("int4: two to a byte, the earlier in the lower half", () => {
    expect(packInt4(Int8Array.of(1, 2, -1, 7, -7, 0))).toEqual(Uint8Array.of(0x21, 0x7f, 0x09));
    expect(() => packInt4(Int8Array.of(1))).toThrow(RangeError);
  });
});
