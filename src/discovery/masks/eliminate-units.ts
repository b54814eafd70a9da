/**
 * Backward elimination of heads and of blocks of neurons: each kept head, and blocks of 64, 32, 16 and 8 neurons, are
 * left out by themselves, those of the lowest estimated loss per weight first, and stay out where the rest is good
 * enough. In the end no single one of them can go.
 */
import type { MaskHolds } from "./cut-along.ts";
import { type Mask, maskedCost } from "./gate-space.ts";
import type { MaskModel } from "./mask-model.ts";
import { keptOrder } from "./rerank.ts";

export interface EliminationOptions {
  readonly prompts: readonly number[];
  readonly holds: MaskHolds;
  readonly seed: number;
}

/** How many neurons are left out at once, the most first. */
const blockSizes: readonly number[] = [64, 32, 16, 8];
/** With blocks larger than the smallest, so many failures one after another end a walk. */
const patience = 3;

/** @param start a circuit that is good enough. */
export async function eliminateUnits(
  start: Mask,
  model: MaskModel,
  options: EliminationOptions,
): Promise<Mask> {
  let mask = start;
  const small = smallUnits(model);
  // Later rounds try again what was kept before something else went, in the smallest blocks alone.
  const last = blockSizes.at(-1) ?? 1;
  for (let round = 0; ; round++) {
    const before = maskedCost(model.space, mask);
    for (const size of round === 0 && small.size > 0 ? blockSizes : [last])
      mask = await walk(mask, model, options, { small, size, seed: options.seed + round });
    if (maskedCost(model.space, mask) === before) return mask;
  }
}

/** The units that go in blocks: neurons. */
function smallUnits({ space }: MaskModel): ReadonlySet<number> {
  return new Set(
    [...space.units.keys()].filter((at) => space.units[at]?.every(({ kind }) => kind === "neuron")),
  );
}

async function walk(
  start: Mask,
  model: MaskModel,
  { prompts, holds }: EliminationOptions,
  {
    small,
    size,
    seed,
  }: { readonly small: ReadonlySet<number>; readonly size: number; readonly seed: number },
): Promise<Mask> {
  const ascending = (await keptOrder(start, model, prompts, seed)).toReversed();
  const blocks = blocksOf(
    ascending.filter((at) => small.has(at)),
    size,
  );
  const singles = ascending.filter((at) => !small.has(at)).map((at) => [at]);
  const isLast = size === blockSizes.at(-1);
  let mask = start;
  for (const group of [singles, blocks]) {
    let failures = 0;
    for (const block of group) {
      const rest = mask.slice();
      for (const at of block) rest[at] = 0;
      if (await holds(rest)) {
        mask = rest;
        failures = 0;
      } else if (++failures >= patience && !isLast && group === blocks) break;
    }
  }
  return mask;
}

function blocksOf(units: readonly number[], size: number): readonly (readonly number[])[] {
  return Array.from({ length: Math.ceil(units.length / size) }, (_, at) =>
    units.slice(at * size, (at + 1) * size),
  );
}
