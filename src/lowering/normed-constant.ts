/**
 * The output of attention without heads, in a model with a norm after attention: the norm of a constant, which is
 * again a constant.
 */
import { countRows } from "../transformer/position-rows.ts";
import type { Norm } from "../transformer/transformer.ts";
import { type Addend, addUp, rowsOfSum } from "./fold-constants.ts";

/** @param addends of one sum. It is computed in float64, when it is read. */
export function normedConstant(norm: Norm, addends: readonly Addend[]): Addend {
  const width = norm.scale.shape[0] ?? 0;
  const rows = rowsOfSum("what heads left", addends);
  const count = countRows(rows);
  return {
    shape: count === 1 ? [width] : [count, width],
    ...(rows.kind === "apart" && { firstApart: true }),
    async read() {
      const sum = await addUp(addends, rows, width);
      const scale = await norm.scale.read();
      const shift = norm.kind === "layer" ? await norm.shift?.read() : undefined;
      for (let row = 0; row < count; row++) {
        normalizeRow(sum.subarray(row * width, (row + 1) * width), norm, scale, shift);
      }
      return sum;
    },
  };
}

function normalizeRow(
  row: Float64Array,
  { kind, epsilon }: Pick<Norm, "kind" | "epsilon">,
  scale: Float32Array,
  shift: Float32Array | undefined,
): void {
  const mean = kind === "layer" ? row.reduce((sum, value) => sum + value, 0) / row.length : 0;
  const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
  const factor = 1 / Math.sqrt(variance + epsilon);
  for (const [at, value] of row.entries())
    row[at] = (value - mean) * factor * (scale[at] ?? 0) + (shift?.[at] ?? 0);
}
