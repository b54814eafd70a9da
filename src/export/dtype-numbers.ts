/**
 * Converts float32 values to narrower formats: float16 by rounding, int8 and int4 by a scale for every block of
 * values.
 */
import { PithError } from "../errors.ts";

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

/**
 * Bits of the float16 nearest to a float32; ties go to the even one, values that are too large become ±∞, and NaN
 * stays NaN (IEEE 754, round to nearest, ties to even).
 * @internal
 */
export function float16Bits(value: number): number {
  float[0] = value;
  const bits = floatBits[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // From half a step above 65504, the largest float16, on.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  const exponent = magnitude >>> 23;
  // Below 2⁻¹⁴ a step is 2⁻²⁴; half a step or less becomes 0.
  if (exponent < 113) {
    if (magnitude <= 0x33000000) return sign;
    const fraction = (magnitude & 0x7fffff) | 0x800000;
    return sign | shiftToEven(fraction, 126 - exponent);
  }
  // A carry out of the fraction goes into the exponent, which is correct.
  return sign | shiftToEven(magnitude - (112 << 23), 13);
}

/** value / 2^by, rounded to the nearest whole number, ties to the even one. */
function shiftToEven(value: number, by: number): number {
  const whole = value >>> by;
  const rest = value & ((1 << by) - 1);
  const half = 1 << (by - 1);
  return rest > half || (rest === half && (whole & 1) === 1) ? whole + 1 : whole;
}

/**
 * @param name for the error.
 * @throws PithError "options" for a finite value that float16 can't hold: infinity would not be a rounded value.
 */
export function toFloat16(values: Float32Array, name: string): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(values.length);
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    const half = float16Bits(value);
    if ((half & 0x7fff) === 0x7c00 && Number.isFinite(value)) {
      throw new PithError("options", `holds ${value}, and float16 ends at ±65504`, {
        place: { tensor: name },
        advice: "Leave it in float32, or choose int8, whose scales have no such end.",
      });
    }
    halves[index] = half;
  }
  return halves;
}

/** How a matrix [rows, columns] is divided into blocks that share a scale. */
export interface Blocks {
  readonly rows: number;
  readonly columns: number;
  /**
   * The axis of a block: 0: its `size` values lie below each other; 1: side by side. `size` divides that axis.
   */
  readonly axis: 0 | 1;
  readonly size: number;
}

/**
 * The largest quantised value; the smallest is its opposite, so that 0 stays 0 and both signs are treated alike.
 */
export const largestOf = { int8: 127, int4: 7 } as const;

export function scaleShape({ rows, columns, axis, size }: Blocks): readonly [number, number] {
  return axis === 0 ? [rows / size, columns] : [rows, columns / size];
}

/** Below this, float32 numbers lose digits, and scales would be inexact. */
const smallestScale = 2 ** -126;

/**
 * The step of every block: its largest magnitude divided by `largest`; 1 for a block of zeros. Shape:
 * `scaleShape`.
 */
export function blockScales(
  values: Float32Array,
  blocks: Blocks,
  largest: number,
): Float32Array<ArrayBuffer> {
  const [height, width] = scaleShape(blocks);
  const scales = new Float32Array(height * width);
  forEachValue(blocks, (index, scale) => {
    const magnitude = Math.abs(values[index] as number);
    if (magnitude > (scales[scale] as number)) scales[scale] = magnitude;
  });
  return scales.map((magnitude) => (magnitude === 0 ? 1 : Math.max(magnitude / largest, smallestScale)));
}

/** The nearest whole number of steps; |value − step · result| ≤ step / 2. */
export function quantize(
  values: Float32Array,
  scales: Float32Array,
  blocks: Blocks,
  largest: number,
): Int8Array<ArrayBuffer> {
  const quantized = new Int8Array(values.length);
  forEachValue(blocks, (index, scale) => {
    const steps = Math.round((values[index] as number) / (scales[scale] as number));
    quantized[index] = Math.min(largest, Math.max(-largest, steps));
  });
  return quantized;
}

/**
 * Packs two values to a byte, the earlier one in the lower half, two's complement (ONNX INT4). The number of
 * values is even.
 */
export function packInt4(values: Int8Array): Uint8Array<ArrayBuffer> {
  if (values.length % 2 !== 0) throw new RangeError(`${values.length} int4 values don't fill bytes`);
  return Uint8Array.from({ length: values.length / 2 }, (_, index) => {
    const [low, high] = [values[2 * index] as number, values[2 * index + 1] as number];
    return (low & 0xf) | ((high & 0xf) << 4);
  });
}

function forEachValue(
  { rows, columns, axis, size }: Blocks,
  visit: (index: number, scale: number) => void,
): void {
  const perRow = columns / size;
  for (let row = 0; row < rows; row++) {
    const below = Math.floor(row / size) * columns;
    for (let column = 0; column < columns; column++) {
      const scale = axis === 0 ? below + column : row * perRow + Math.floor(column / size);
      visit(row * columns + column, scale);
    }
  }
}
