/**
 * Number formats of stored tensors. Pith computes in float32. F16 and BF16 are widened to it exactly, bit by bit,
 * so that denormals, infinities and the payload of a NaN are kept.
 *
 * Tensors are little-endian, and so is every machine that a browser or ONNX Runtime runs on, so F32 is copied.
 */

/** Bits of one element, for every dtype of the format. */
const ELEMENT_BITS: ReadonlyMap<string, number> = new Map([
  ["BOOL", 8],
  ["U8", 8],
  ["I8", 8],
  ["F8_E5M2", 8],
  ["F8_E4M3", 8],
  ["F8_E8M0", 8],
  ["F4", 4],
  ["F6_E2M3", 6],
  ["F6_E3M2", 6],
  ["I16", 16],
  ["U16", 16],
  ["F16", 16],
  ["BF16", 16],
  ["I32", 32],
  ["U32", 32],
  ["F32", 32],
  ["C64", 64],
  ["F64", 64],
  ["I64", 64],
  ["U64", 64],
]);

/** Formats that a weight may have. */
export const WEIGHT_DTYPES = ["F32", "F16", "BF16"] as const;
export type WeightDtype = (typeof WEIGHT_DTYPES)[number];

export function isWeightDtype(dtype: string): dtype is WeightDtype {
  return (WEIGHT_DTYPES as readonly string[]).includes(dtype);
}

/** Bits of one element; undefined for a dtype that the format doesn't have. */
export function elementBits(dtype: string): number | undefined {
  return ELEMENT_BITS.get(dtype);
}

/** Bytes of one element of a weight. */
export function weightElementBytes(dtype: WeightDtype): 2 | 4 {
  return dtype === "F32" ? 4 : 2;
}

/** Widens little-endian `bytes` into `target`, from element `at` on. @throws RangeError when they don't fit. */
export function widenInto(
  dtype: WeightDtype,
  bytes: Uint8Array<ArrayBuffer>,
  target: Float32Array<ArrayBuffer>,
  at: number,
): void {
  const count = bytes.length / weightElementBytes(dtype);
  if (!Number.isInteger(count) || at < 0 || at + count > target.length) {
    throw new RangeError(`${bytes.length} bytes of ${dtype} don't fit at ${at} of ${target.length}`);
  }
  const start = target.byteOffset + 4 * at;
  if (dtype === "F32") {
    new Uint8Array(target.buffer, start, bytes.length).set(bytes);
    return;
  }
  // Bit patterns, not floats: assigning a float may change a NaN's bits.
  const bits = new Uint32Array(target.buffer, start, count);
  const halves = asUint16(bytes);
  if (dtype === "BF16") {
    // bfloat16 is the upper half of a float32.
    for (let i = 0; i < count; i++) bits[i] = (halves[i] as number) << 16;
  } else {
    const table = float16Table();
    for (let i = 0; i < count; i++) bits[i] = table[halves[i] as number] as number;
  }
}

function asUint16(bytes: Uint8Array<ArrayBuffer>): Uint16Array<ArrayBuffer> {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2);
}

let float16ToFloat32Bits: Uint32Array | undefined;

/** float32 bits of each of the 65,536 float16 values; made when first used (256 KiB). */
function float16Table(): Uint32Array {
  float16ToFloat32Bits ??= Uint32Array.from({ length: 65_536 }, (_, half) => float32BitsOfFloat16(half));
  return float16ToFloat32Bits;
}

/** IEEE 754: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits → 1, 8 (bias 127), 23. */
function float32BitsOfFloat16(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // A denormal, fraction · 2⁻²⁴, is a normal float32: shift its leading one to the implied place.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}
