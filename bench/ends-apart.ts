/** Means of three positions, for benchmarks: the first, the last, and all between them. */
import type { Constant } from "../src/discovery/constant.ts";
import type { Replacements } from "../src/discovery/replacements.ts";

/** @param aligned with at least three rows. */
export function endsApart(aligned: Replacements): Replacements {
  return {
    rows: aligned.rows,
    head: (layer, head) => betweenAlike(aligned.head(layer, head)),
    mlp: (layer) => betweenAlike(aligned.mlp(layer)),
    neurons: (layer) => betweenAlike(aligned.neurons(layer)),
    headValues(layer) {
      const values = aligned.headValues(layer);
      return values && betweenAlike(values);
    },
  };
}

/** The rows between the first and the last are all their mean. */
function betweenAlike({ rows, width, values }: Constant): Constant {
  const result = values.slice();
  const count = values.length / width - 2;
  if (count < 1) throw new RangeError("means of three positions or more");
  for (let column = 0; column < width; column++) {
    let sum = 0;
    for (let row = 1; row <= count; row++) sum += values[row * width + column] ?? 0;
    for (let row = 1; row <= count; row++) result[row * width + column] = sum / count;
  }
  return { rows, width, values: result };
}
