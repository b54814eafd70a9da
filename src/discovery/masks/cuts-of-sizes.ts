/**
 * The size–KL curve of a search that ranks: cuts of fixed sizes along its final ranking. A search has one budget, but
 * its ranking is of all sizes, so that a whole curve costs no more than measuring its cuts.
 */
import { circuitSize } from "../../transformer/circuit-size.ts";
import type { RankedCut } from "../searches/search.ts";
import type { Assessor } from "../searches/target/assess.ts";
import { firstUnits } from "./cut-along.ts";
import { largestOfSize } from "./fit-weights.ts";
import { circuitOfMask } from "./gate-space.ts";
import type { MaskTools } from "./mask-tools.ts";

/** How many sizes there are, as shares of the body, at equal ratios from the least one to 1. */
const grid = { sizes: 12, least: 0.02 };

const curveShares: readonly number[] = Array.from(
  { length: grid.sizes },
  (_, at) => grid.least ** (1 - at / (grid.sizes - 1)),
);

/** Costs may be fractions of a weight, whose sums miss the sizes by rounding. */
const halfWeight = 0.5;

/**
 * The largest cut of each size. Sizes are left out that no cut has, since some weights always stay, and sizes of which
 * the largest cut is that of a smaller one.
 * @param order all units, the one that goes last first.
 */
export async function cutsOfSizes(
  order: readonly number[],
  { model, step }: Pick<MaskTools, "model" | "step">,
  { assess }: Pick<Assessor, "assess">,
): Promise<readonly RankedCut[]> {
  const { space } = model;
  const cuts: RankedCut[] = [];
  for (const share of curveShares) {
    const most = share * space.body + halfWeight;
    const mask = await largestOfSize({ model }, most, (weights) => firstUnits(order, space.costs, weights));
    const circuit = circuitOfMask(space, mask);
    const weights = circuitSize(space.model, circuit);
    const size = weights / space.body;
    if (weights > most || size === cuts.at(-1)?.size) continue;
    step();
    const { kl, accuracy } = await assess(circuit);
    cuts.push({ circuit, size, kl, ...(accuracy !== undefined && { accuracy }) });
  }
  return cuts;
}
