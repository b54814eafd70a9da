/**
 * What the pruned neurons of an MLP write in the place of their outputs: each writes its replacement, a number, times
 * its row of W_down, and the sum over all of them is one constant. It stands beside b_2: where a norm follows the MLP,
 * before that norm.
 */
import { rangesOfNeurons } from "../transformer/keep-neurons.ts";
import { inOut, linearShape, sliceInputs } from "../transformer/linear.ts";
import { countRows } from "../transformer/position-rows.ts";
import type { Mlp } from "../transformer/transformer.ts";
import { type Constant, zeroConstant } from "./constant.ts";

/**
 * Reads the pruned neurons' rows of W_down, and nothing where all their replacements are zero.
 * @param neurons the pruned ones, ascending. @param replacement of all neurons of the layer, of the width of the MLP.
 */
export async function writtenByNeurons(
  { down }: Pick<Mlp, "down">,
  neurons: readonly number[],
  replacement: Constant,
): Promise<Constant> {
  const [hidden, width] = linearShape(down);
  if (replacement.width !== hidden)
    throw new RangeError(`a constant of width ${replacement.width} for ${hidden} neurons`);
  const sum = zeroConstant(replacement.rows, width);
  if (!replacesByMore(neurons, replacement)) return sum;
  const written = await inOut(sliceInputs(down, rangesOfNeurons(neurons))).read();
  for (let row = 0; row < countRows(replacement.rows); row++) {
    const target = sum.values.subarray(row * width, (row + 1) * width);
    for (const [at, neuron] of neurons.entries()) {
      const factor = replacement.values[row * hidden + neuron] ?? 0;
      if (factor === 0) continue;
      const from = at * width;
      for (let column = 0; column < width; column++)
        target[column] = (target[column] as number) + factor * (written[from + column] as number);
    }
  }
  return sum;
}

/** Whether some of these neurons have another replacement than zero. */
export function replacesByMore(neurons: readonly number[], { rows, width, values }: Constant): boolean {
  for (let row = 0; row < countRows(rows); row++)
    if (neurons.some((neuron) => values[row * width + neuron] !== 0)) return true;
  return false;
}
