/**
 * The number formats in which a circuit's weights may be shipped. They concern weights only: inputs, outputs and
 * all values inside the graph stay float32.
 */

/** The number formats that weights may be shipped in. */
export const dtypes = ["f32", "f16", "int8", "int4"] as const;
/** A number format of weights: float32, float16, or whole numbers of 8 or 4 bits with scales. */
export type Dtype = (typeof dtypes)[number];
/** A number format that is less exact than float32. */
export type NarrowDtype = Exclude<Dtype, "f32">;
export const narrowDtypes = dtypes.filter((dtype): dtype is NarrowDtype => dtype !== "f32");

/** The use of each format; statements about time are measured (docs/performance.md). */
export const dtypePurpose: Readonly<Record<Dtype, string>> = {
  f32: "exact",
  f16: "half the size; widened when the model is loaded, so it is as fast as f32 and no faster",
  int8: "a quarter of the size, and faster for one prompt",
  int4: "the smallest: matrices in 4 bits, embeddings in 8; for models that can bear it",
};

/**
 * Numbers of values that share a scale, along the sum of the matrix product. ONNX Runtime's fast kernels accept
 * powers of two from 32 on; scales cost 32 bits a block.
 */
const int8Blocks = [128, 64, 32] as const;
export const int4Block = 32;

/**
 * The largest block that divides a sum of this length; undefined where none does: then the whole sum shares a
 * scale.
 */
export function int8BlockFor(length: number): number | undefined {
  return int8Blocks.find((size) => length % size === 0);
}
