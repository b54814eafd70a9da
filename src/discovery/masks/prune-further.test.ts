/** Training, re-ranking and elimination on a model that can be worked out by hand. */
import { describe, expect, test } from "vitest";
import { randomTransformer } from "../../../test/support/random-transformer.ts";
import { circuitSize } from "../../transformer/circuit-size.ts";
import { mean } from "../mean.ts";
import { headsAndNeurons, singleComponents } from "../search-units.ts";
import { cutAlong, orderOf } from "./cut-along.ts";
import { largestOfSize } from "./fit-weights.ts";
import { circuitOfMask, gateSpaceOf, type Mask, maskedCost, maskOfCircuit } from "./gate-space.ts";
import { maskModelOf } from "./mask-model.ts";
import { pruneFurther } from "./prune-further.ts";
import { rerankToSize } from "./rerank.ts";
import { madeGatedModel } from "./testing.ts";
import { trainScores } from "./train-scores.ts";

const transformer = randomTransformer();
const space = gateSpaceOf(transformer, { units: headsAndNeurons, mlps: true });
const counts = { prompts: 12, patching: 6 };
const prompts = Array.from({ length: counts.prompts }, (_, prompt) => prompt);

/** Head 0 and neurons 1 and 4 of layer 1 matter, each for prompts of its own; all else hardly writes. */
const gated = madeGatedModel(space.shape, counts, (kind, layer, at, prompt) => {
  const matters = layer === 1 && (kind === "heads" ? at === 0 : at === 1 || at === 4);
  const size = matters ? 3 : 0.001;
  return [size * Math.cos(prompt + at), size * Math.sin(prompt + 2 * at), 0];
});
const needed = space.units.flatMap(([unit], at) =>
  unit?.layer === 1 &&
  ((unit.kind === "head" && unit.head === 0) || (unit.kind === "neuron" && [1, 4].includes(unit.neuron)))
    ? [at]
    : [],
);
const model = maskModelOf(gated, space, { loss: "kl", signal: undefined });
const kept = (mask: Mask) => [...mask.keys()].filter((at) => mask[at] === 1);
const holds = async (mask: Mask) => mean(await model.losses(mask, prompts)) <= 0.01;
const whole: Mask = space.costs.map(() => 1);

const training = {
  ...{ costs: space.costs, prompts, steps: 60, batch: 4, rate: 0.1, temperature: 0.5, seed: 3 },
  shares: { least: 0.05, most: 1 },
  gradient: model.gradient,
};

test("the costs of all candidates are the body, and a neuron's is its share of its MLP", () => {
  expect(maskedCost(space, whole)).toBeCloseTo(space.body, 6);
  const mlps = gateSpaceOf(transformer, { units: singleComponents, mlps: true });
  const mlp = mlps.units.findIndex(([unit]) => unit?.kind === "mlp");
  const neuron = space.units.findIndex(([unit]) => unit?.kind === "neuron");
  expect((space.costs[neuron] ?? 0) * (space.shape.neurons[0] ?? 0)).toBeCloseTo(mlps.costs[mlp] ?? 0, 6);
});

test("a mask is the mask of its circuit", () => {
  const mask = space.costs.map((_, at) => Number(at % 3 !== 0));
  expect(maskOfCircuit(space, circuitOfMask(space, mask))).toEqual(mask);
  expect(circuitOfMask(space, whole)).toEqual(circuitOfMask(space, whole));
});

describe("learned scores", () => {
  test("put what matters first", async () => {
    const order = orderOf(await trainScores(training));
    expect(order.slice(0, needed.length).toSorted((one, other) => one - other)).toEqual(needed);
  });

  test("are the same after an interruption at any step", async () => {
    const states: Parameters<NonNullable<Parameters<typeof trainScores>[0]["onStep"]>>[0][] = [];
    const straight = await trainScores({
      ...training,
      steps: 12,
      onStep: (state) => void states.push(state),
    });
    for (const at of [0, 4, 11]) {
      expect(await trainScores({ ...training, steps: 12 }, states[at])).toEqual(straight);
    }
  });

  test("differ with the seed", async () => {
    const few = { ...training, steps: 3 };
    expect(await trainScores({ ...few, seed: 4 })).not.toEqual(await trainScores(few));
  });
});

test("what is left in the end holds, and no single head or block of eight neurons can go", async () => {
  const cut = await cutAlong(orderOf(await trainScores(training)), space.costs, holds);
  const found = await pruneFurther(cut, undefined, { model, holds, sample: prompts, seed: 0 });
  expect(await holds(found)).toBe(true);
  expect(kept(found)).toEqual(needed);
});

test("re-ranking from the whole model finds it too", async () => {
  const found = await pruneFurther(whole, undefined, { model, holds, sample: prompts, seed: 0 });
  expect(kept(found)).toEqual(needed);
});

test("a smaller circuit that is known to hold is gone on from", async () => {
  const known = whole.map((_, at) => Number(needed.includes(at)));
  const onlyKnown = async (mask: Mask) => kept(mask).length === kept(known).length || mask.every(Boolean);
  expect(await pruneFurther(whole, known, { model, holds: onlyKnown, sample: prompts, seed: 0 })).toEqual(
    known,
  );
});

test("to a size, units go until the rest fits", async () => {
  const size = 0.3 * space.body;
  const mask = await rerankToSize(whole, model, size, { prompts, seed: 0 });
  expect(maskedCost(space, mask)).toBeLessThanOrEqual(size);
  for (const at of needed) expect(mask[at]).toBe(1);
});

test("a size is the circuit's own where heads share keys and values, whose cost is more than a head's share", async () => {
  const grouped = randomTransformer({ heads: 4, keyValueHeads: 1 });
  const ofGroups = gateSpaceOf(grouped, { units: headsAndNeurons, mlps: true });
  const made = madeGatedModel(ofGroups.shape, counts, (kind, _layer, at, prompt) => [
    kind === "heads" && at === 0 ? Math.cos(prompt) : 0.001 * Math.sin(prompt + at),
    ...[0, 0],
  ]);
  const masks = maskModelOf(made, ofGroups, { loss: "kl", signal: undefined });
  for (const share of [0.05, 0.15, 0.4]) {
    const size = share * ofGroups.body;
    let mask: Mask = ofGroups.costs.map(() => 1);
    await largestOfSize({ model: masks }, size, async (weights) => {
      mask = await rerankToSize(mask, masks, weights, { prompts, seed: 0 });
      return mask;
    });
    expect(circuitSize(grouped, circuitOfMask(ofGroups, mask))).toBeLessThanOrEqual(size);
  }
  const nothing = await rerankToSize(
    ofGroups.costs.map(() => 1),
    masks,
    -1e-8,
    { prompts, seed: 0 },
  );
  expect(maskedCost(ofGroups, nothing)).toBe(0);
});

test("an estimate that is not a number ends the search with an error that says so", async () => {
  const overflowing = { ...model, removalLosses: async () => space.costs.map(() => Number.NaN) };
  const options = { model: overflowing, holds, sample: prompts, seed: 0 };
  await expect(pruneFurther(whole, undefined, options)).rejects.toThrow(
    "the estimated loss of leaving a component out is not a number",
  );
});
