/**
 * Replacements of pruned components for measurements of time: seeded random constants, one row for each position.
 */
import type { Replacements } from "../src/discovery/replacements.ts";
import { createRandom } from "../src/tasks/random.ts";
import type { PositionRows } from "../src/transformer/position-rows.ts";

/** @param length of the prompts. */
export function seededConstants(length: number, width: number): Replacements {
  const rows: PositionRows = { kind: "each", length };
  const constant = (seed: number) => {
    const { nextUint32 } = createRandom(seed);
    const values = Float64Array.from({ length: length * width }, () => (nextUint32() / 2 ** 31 - 1) / 50);
    return { rows, width, values };
  };
  return {
    rows,
    head: (layer, head) => constant(1000 * layer + head),
    mlp: (layer) => constant(1000 * layer + 999),
    neurons() {
      throw new RangeError("no neurons are pruned");
    },
    headValues: () => undefined,
  };
}
