/**
 * The learned search with constants that are trained together with its masks. A vector after every part is moved by the
 * same gradients as the scores, so that it stands for what the masks of small circuits leave out. A size is then good
 * enough if it is so after some more steps of its own constants; what re-ranking and elimination still take away is
 * followed by such steps again, as long as that makes the circuit smaller.
 */
import { noConstants } from "../../fitted/constant-places.ts";
import { fitConstants } from "../../fitted/fit-constants.ts";
import { defaultFitNumbers } from "../../fitted/fit-options.ts";
import { trainableCircuit } from "../../fitted/trainable-circuit.ts";
import type { StreamConstants } from "../../gates/gate-passes.ts";
import { cutAlong, firstUnits, type MaskHolds } from "../../masks/cut-along.ts";
import { largestOfSize } from "../../masks/fit-weights.ts";
import { circuitOfMask, type Mask, maskedCost } from "../../masks/gate-space.ts";
import { maskModelOf } from "../../masks/mask-model.ts";
import type { FoundMask, MaskTools } from "../../masks/mask-tools.ts";
import { pruneFurther } from "../../masks/prune-further.ts";

/** Steps of the constants for each size that is tried, and after each round of pruning. */
const stepsOfTrial = 40;
const stepsOfRound = 120;
/** Rounds of pruning end when one takes away less than this share of the weights. */
const leastGain = 0.03;
const mostRounds = 4;

/** Where a joint training ended. */
export interface JointlyTrained {
  /** The candidates' scores, the best first. */
  readonly order: readonly number[];
  readonly costs: Float64Array;
  /** A mask of all units from one of the candidates. */
  readonly spread: (own: Float64Array) => Mask;
  readonly constants: StreamConstants;
}

/** The circuit of a joint training, with constants of its own. */
export async function cutJointly(
  tools: MaskTools,
  { order, costs, spread, constants }: JointlyTrained,
  batch: number,
): Promise<FoundMask> {
  const { budget, step } = tools;
  const refit = (mask: Mask, start: StreamConstants, steps: number) => {
    step();
    return fitMask(tools, mask, start, { steps, batch });
  };
  if (budget.kind === "size") {
    const mask = await largestOfSize(tools, budget.size, (weights) =>
      spread(firstUnits(order, costs, weights)),
    );
    return { mask, constants: await refit(mask, constants, stepsOfRound) };
  }
  let best: Required<Omit<FoundMask, "order">> | undefined;
  await cutAlong(order, costs, async (own) => {
    const mask = spread(own);
    const fitted = await refit(mask, constants, stepsOfTrial);
    const holds = await budget.holds(mask, fitted);
    if (holds) best = { mask, constants: fitted };
    return holds;
  });
  const whole = spread(costs.map(() => 1));
  let found: Required<Omit<FoundMask, "order">> = best ?? {
    mask: whole,
    constants: noConstants(tools.model.space.model),
  };
  for (let round = 0; round < mostRounds; round++) {
    const next = await pruneRound(tools, found, refit);
    const before = maskedCost(tools.model.space, found.mask);
    const gain = 1 - maskedCost(tools.model.space, next.mask) / before;
    found = next;
    if (!(gain >= leastGain)) break;
  }
  return found;
}

type Refit = (mask: Mask, start: StreamConstants, steps: number) => Promise<StreamConstants>;

/** Fits the constants of a circuit that holds, and takes away what they have made room for. */
async function pruneRound(
  tools: MaskTools,
  { mask, constants: start }: Required<Omit<FoundMask, "order">>,
  refit: Refit,
): Promise<Required<Omit<FoundMask, "order">>> {
  const { budget, gated, model, sample, seed, signal, step } = tools;
  if (budget.kind === "size") throw new RangeError("a size leaves nothing to prune");
  const fitted = await refit(mask, start, stepsOfRound);
  // Steps that lose more than they gain are not taken.
  const constants = (await budget.holds(mask, fitted)) ? fitted : start;
  const holds: MaskHolds = (candidate) => {
    step();
    return budget.holds(candidate, constants);
  };
  const fixed = maskModelOf(gated, model.space, { loss: "kl", signal, constants });
  return { mask: await pruneFurther(mask, undefined, { model: fixed, holds, sample, seed }), constants };
}

/** On the prompts that masks are learned from; held-out ones judge the result. */
async function fitMask(
  { engine, model: { space }, replacements, sets, seed, signal }: MaskTools,
  mask: Mask,
  start: StreamConstants,
  { steps, batch }: { readonly steps: number; readonly batch: number },
): Promise<StreamConstants> {
  const circuit = circuitOfMask(space, mask);
  const trainable = await trainableCircuit({ engine, circuit, replacements, signal });
  try {
    const { constants } = await fitConstants({
      ...{ model: space.model, trainable, start },
      numbers: { ...defaultFitNumbers, steps, batch, seed },
      prompts: { learned: sets.learning, held: [] },
    });
    return constants;
  } finally {
    await trainable.close();
  }
}
